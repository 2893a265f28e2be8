/** Small DOM helpers: elements, texts and plain controls. Nothing here knows the drawing. */

import { fill, TEXTS } from '../texts.en.mjs';
import { icon } from './icons.mjs';

/**
 * A text of the editor in the user's language.
 *
 * @param {{text?: (key: string, values?: Record<string, string | number>) => string}} host
 * @param {string} key of `TEXTS`
 * @param {Record<string, string | number>} [values] for the `{name}` places
 * @returns {string}
 */
export function text(host, key, values) {
  const translated = host.text?.(key, values);
  return translated && translated !== key ? translated : fill(TEXTS[key] ?? key, values);
}

/** Longest text of a stranger's workflow that is shown in one place; the rest becomes an ellipsis. */
export const SHOWN = 60;

/**
 * A name for display: one line, not endless, no control or direction-changing characters.
 *
 * @param {unknown} name
 * @param {number} [limit]
 * @returns {string}
 */
export function shown(name, limit = SHOWN) {
  const plain = String(name ?? '')
    .slice(0, limit * 4)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  const characters = [...plain];
  return characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : plain;
}

/**
 * @typedef {object} Properties
 * @property {string} [class]
 * @property {string} [text] becomes textContent
 * @property {string} [title]
 * @property {Record<string, string | number | boolean | null | undefined>} [attributes] null, undefined and false leave one out
 * @property {Record<string, (event: any) => void>} [on] listeners by event name
 */

/**
 * Creates an element.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Properties} [properties]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  if (properties.class) made.className = properties.class;
  if (properties.text !== undefined) made.textContent = properties.text;
  if (properties.title) made.title = properties.title;
  for (const [name, value] of Object.entries(properties.attributes ?? {})) setAttribute(made, name, value);
  for (const [name, listener] of Object.entries(properties.on ?? {})) made.addEventListener(name, listener);
  for (const child of children) if (child) made.append(child);
  return made;
}

/**
 * Sets or removes an attribute, and touches the DOM only where it differs.
 *
 * @param {Element} target
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
export function setAttribute(target, name, value) {
  if (value === null || value === undefined || value === false) {
    if (target.hasAttribute(name)) target.removeAttribute(name);
    return;
  }
  const written = value === true ? '' : String(value);
  if (target.getAttribute(name) !== written) target.setAttribute(name, written);
}

/**
 * Sets a text, and touches the DOM only where it differs.
 *
 * @param {Node} target
 * @param {string} value
 */
export function setText(target, value) {
  if (target.textContent !== value) target.textContent = value;
}

/**
 * @typedef {object} ButtonOptions
 * @property {string} label what it does: the accessible name and, for icon buttons, the tooltip
 * @property {string} [icon] name in `icons.mjs`; without `showLabel` the button shows nothing else
 * @property {boolean} [showLabel]
 * @property {string} [keys] shortcut, shown in the tooltip
 * @property {string} [class]
 * @property {boolean} [pressed] makes it a toggle button
 * @property {(event: MouseEvent) => void} [run]
 */

/**
 * A button, with an icon, a label or both.
 *
 * @param {ButtonOptions} options
 * @returns {HTMLButtonElement}
 */
export function button(options) {
  const withLabel = options.showLabel || !options.icon;
  const made = element(
    'button',
    {
      class: `button ${withLabel ? '' : 'square'} ${options.class ?? ''}`.trim(),
      title: withLabel && !options.keys ? '' : options.keys ? `${options.label} (${options.keys})` : options.label,
      attributes: {
        type: 'button',
        'aria-label': withLabel ? null : options.label,
        'aria-pressed': options.pressed === undefined ? null : String(options.pressed),
      },
      on: options.run ? { click: options.run } : {},
    },
    options.icon && icon(options.icon),
    withLabel && element('span', { text: options.label }),
  );
  return made;
}

/**
 * Marks a toggle button as on or off.
 *
 * @param {Element} target
 * @param {boolean} on
 */
export function setPressed(target, on) {
  setAttribute(target, 'aria-pressed', String(on));
}

/**
 * Gives an icon button another icon and name.
 *
 * @param {HTMLButtonElement} target
 * @param {string} name of the icon
 * @param {string} label
 */
export function setIconButton(target, name, label) {
  if (target.dataset.icon !== name) {
    target.dataset.icon = name;
    target.replaceChildren(icon(name));
  }
  setAttribute(target, 'aria-label', label);
  if (target.title !== label) target.title = label;
}

/**
 * A drop-down list.
 *
 * @param {object} options
 * @param {string} options.label accessible name
 * @param {{value: string, label: string}[]} options.choices
 * @param {(value: string) => void} options.change
 * @param {string} [options.class]
 * @returns {HTMLSelectElement}
 */
export function select(options) {
  const made = element('select', {
    class: `select ${options.class ?? ''}`.trim(),
    attributes: { 'aria-label': options.label },
    on: { change: () => options.change(made.value) },
  });
  setChoices(made, options.choices);
  return made;
}

/**
 * @param {HTMLSelectElement} target
 * @param {{value: string, label: string}[]} choices
 */
export function setChoices(target, choices) {
  const written = JSON.stringify(choices);
  if (target.dataset.choices === written) return;
  const { value } = target;
  const fresh = target.dataset.choices === undefined;
  target.dataset.choices = written;
  target.replaceChildren(
    ...choices.map(({ value, label }) => element('option', { text: label, attributes: { value } })),
  );
  if (!fresh || value) target.value = value;
}

/**
 * Shows a value in a drop-down list; '' where several differ.
 *
 * @param {HTMLSelectElement} target
 * @param {string} value
 */
export function setValue(target, value) {
  if (target.value !== value) target.value = value;
}

/**
 * A caption with its control, side by side.
 *
 * @param {string} caption
 * @param {...HTMLElement} controls
 * @returns {HTMLElement}
 */
export function row(caption, ...controls) {
  return element('div', { class: 'row' }, element('span', { class: 'caption', text: caption }), ...controls);
}

/**
 * A checkbox drawn as a switch, with its caption.
 *
 * @param {object} options
 * @param {string} options.label
 * @param {string} [options.title]
 * @param {(on: boolean) => void} options.change
 * @returns {{element: HTMLLabelElement, input: HTMLInputElement}}
 */
export function toggle(options) {
  const input = element('input', {
    attributes: { type: 'checkbox' },
    on: { change: () => options.change(input.checked) },
  });
  return { element: element('label', { class: 'toggle', title: options.title }, input, options.label), input };
}

let gestures = 0;

/**
 * A key under which all edits of one gesture become one undo step.
 *
 * @param {string} name
 * @returns {string}
 */
export function gestureKey(name) {
  gestures += 1;
  return `${name}#${gestures}`;
}
