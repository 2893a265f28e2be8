/** A field for a track's name that offers the entities of the graph, each with its reference picture. */

import { MAX_NAME } from '../../core/drawing.mjs';
import { keepKey } from '../keyboard.mjs';
import { element, setAttribute, shown, text } from './controls.mjs';
import { icon } from './icons.mjs';
import { place } from './popover.mjs';

/** @typedef {import('../types.mjs').Entity} Entity */

let fields = 0;

/**
 * An entity's reference picture, or a sign that stands for one.
 *
 * @param {Entity|null|undefined} entity
 * @returns {HTMLElement}
 */
export function picture(entity) {
  if (entity?.thumbnail) {
    const image = element('img', { class: 'picture', attributes: { alt: '', draggable: 'false', loading: 'lazy' } });
    image.addEventListener('error', () => image.replaceWith(picture(null)), { once: true });
    image.src = entity.thumbnail;
    return image;
  }
  return element('span', { class: 'picture' }, icon('person'));
}

/**
 * @param {object} options
 * @param {import('../types.mjs').Host} options.host
 * @param {string} options.value
 * @param {string} options.label
 * @param {() => readonly Entity[]} options.entities
 * @param {(name: string) => void} options.accept called once at most per change; not for an unchanged or blank name
 * @param {() => void} [options.done] the field lost the focus, whatever came of it
 * @returns {{input: HTMLInputElement, set: (value: string) => void}}
 */
export function nameField(options) {
  const { host } = options;
  let { value } = options;
  fields += 1;
  const id = `names-${fields}`;
  const input = element('input', {
    class: 'field rename',
    attributes: {
      type: 'text', role: 'combobox', 'aria-label': options.label, 'aria-expanded': 'false', 'aria-autocomplete': 'list',
      'aria-controls': id, autocomplete: 'off', spellcheck: 'false', maxlength: MAX_NAME, dir: 'auto',
    },
  });
  input.value = value;
  /** @type {HTMLElement|null} */
  let list = null;
  /** @type {{name: string, row: HTMLElement}[]} */
  let choices = [];
  let chosen = -1;

  function open() {
    if (list || !input.isConnected) return;
    const seen = new Set();
    const entities = options.entities().filter(({ name }) => name.trim() && !seen.has(name) && seen.add(name));
    if (!entities.length) return;
    choices = entities.map((entity, index) => {
      const details = element('div', {}, element('div', { text: shown(entity.name) }),
        entity.phrase !== entity.name && element('div', { class: 'phrase', text: shown(entity.phrase) }));
      const row = element('div', {
        class: 'choice',
        attributes: { role: 'option', id: `${id}-${index}`, 'aria-selected': 'false' },
        on: {
          mousedown: (event) => event.preventDefault(), // keeps the focus in the field
          click: () => {
            take(entity.name);
            input.blur();
          },
        },
      }, picture(entity), details);
      return { name: entity.name, row };
    });
    list = element('div', { class: 'popover', attributes: { popover: 'manual' } },
      element('div', { class: 'names', attributes: { role: 'listbox', id, 'aria-label': text(host, 'tracks.names') } },
        element('div', { class: 'caption', text: text(host, 'tracks.names'), attributes: { 'aria-hidden': 'true' } }),
        ...choices.map(({ row }) => row)));
    (input.closest('dialog, .tora2') ?? input.parentElement)?.append(list);
    list.showPopover();
    place(list, input.getBoundingClientRect());
    setAttribute(input, 'aria-expanded', 'true');
    mark(-1);
  }

  function close() {
    list?.remove();
    list = null;
    choices = [];
    chosen = -1;
    setAttribute(input, 'aria-expanded', 'false');
    setAttribute(input, 'aria-activedescendant', null);
  }

  /** @param {number} index */
  function mark(index) {
    chosen = index;
    choices.forEach(({ row }, other) => setAttribute(row, 'aria-selected', String(other === index)));
    const row = choices[index]?.row;
    setAttribute(input, 'aria-activedescendant', row ? row.id : null);
    row?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {string} name */
  function take(name) {
    const clean = name.trim();
    input.value = clean || value;
    if (!clean || clean === value) return;
    value = clean;
    options.accept(clean);
  }

  input.addEventListener('focus', () => {
    input.select();
    open();
  });
  input.addEventListener('click', open);
  input.addEventListener('blur', () => {
    close();
    take(input.value);
    options.done?.();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Tab' && !keepKey(event)) return take(input.value);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      open();
      if (choices.length) mark((chosen + step + choices.length + (chosen < 0 && step < 0 ? 1 : 0)) % choices.length);
      event.preventDefault();
    } else if (event.key === 'Enter') {
      take(chosen >= 0 ? choices[chosen].name : input.value);
      input.blur();
    } else if (event.key === 'Escape') {
      input.value = value;
      input.blur();
      event.preventDefault();
    }
  });

  return {
    input,
    set(next) {
      if (next === value) return;
      value = next;
      if (/** @type {ShadowRoot} */ (input.getRootNode()).activeElement !== input) input.value = next;
    },
  };
}
