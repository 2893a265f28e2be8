/** A field for a number: typed, changed by arrow keys, or by dragging its caption sideways. */

import { keepKey } from '../keyboard.mjs';
import { element, gestureKey, setAttribute } from './controls.mjs';

const PIXELS_PER_STEP = 4;

/**
 * @typedef {object} NumberOptions
 * @property {string} label accessible name
 * @property {string} [caption] short text or unit sign before the number; dragging it sideways changes the number
 * @property {string} [unit] after the number
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [step] of an arrow key; Shift makes it ten times as large, Alt a tenth
 * @property {number} [digits] shown after the decimal point at most
 * @property {string} [placeholder] shown where there is no number
 * @property {number} [neutral] makes it a field for changes ("by how much"): it goes back to this number after each one
 * @property {(value: number, merge: string) => void} change `merge` is the same throughout one drag or held key
 * @property {() => void} [clear] what emptying the field means; without it an emptied field takes its number back
 */

/**
 * @param {NumberOptions} options
 * @returns {{element: HTMLElement, input: HTMLInputElement, set: (value: number|null, placeholder?: string) => void,
 *   limits: (min: number, max: number) => void, value: () => number|null}}
 */
export function numberField(options) {
  let { min = -Infinity, max = Infinity } = options;
  const { step = 1, digits = 2 } = options;
  /** @type {number|null} */
  let value = null;
  let merge = '';

  const input = element('input', {
    attributes: {
      type: 'text', inputmode: 'decimal', role: 'spinbutton', 'aria-label': options.label,
      autocomplete: 'off', spellcheck: 'false', placeholder: options.placeholder,
    },
  });
  const grip = options.caption ? element('span', { class: 'grip', text: options.caption, title: options.label }) : null;
  const field = element('span', { class: 'number' }, grip, input,
    options.unit ? element('span', { class: 'unit', text: options.unit }) : null);
  limits(min, max);
  settle();

  /** @param {number} next */
  function bounded(next) {
    const rounded = Number(next.toFixed(digits));
    return Math.min(Math.max(rounded, min), max);
  }

  /** @param {number} next */
  function change(next) {
    const allowed = bounded(next);
    show(allowed);
    options.change(allowed, merge);
  }

  /** @param {number|null} next */
  function show(next) {
    value = next;
    const written = next === null ? '' : String(Number(next.toFixed(digits)));
    if (input.value !== written) input.value = written;
    setAttribute(input, 'aria-valuenow', next === null ? null : written);
  }

  function accept() {
    const written = input.value.trim();
    const next = evaluated(written, value);
    if (written === '' && options.clear && value !== null) options.clear();
    else if (next === null || next === value || written === String(value === null ? '' : Number(value.toFixed(digits)))) {
      show(value);
    } else {
      merge = gestureKey(options.label);
      change(next);
    }
    settle();
  }

  function settle() {
    if (options.neutral !== undefined) show(options.neutral);
  }

  /** @param {{shiftKey: boolean, altKey: boolean}} event */
  function stepOf(event) {
    const size = event.shiftKey ? step * 10 : event.altKey ? step / 10 : step;
    return Math.max(size, 10 ** -digits);
  }

  input.addEventListener('keydown', (event) => {
    if (event.key === 'Tab') return;
    if (!keepKey(event)) return accept();
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (direction) {
      if (!event.repeat) {
        merge = gestureKey(options.label);
        const typed = evaluated(input.value.trim(), value);
        if (typed !== null) value = typed;
      }
      change((value ?? (Number.isFinite(min) ? Math.max(min, 0) : 0)) + direction * stepOf(event));
      event.preventDefault();
    } else if (event.key === 'Enter') {
      accept();
      input.select();
    } else if (event.key === 'Escape') {
      event.preventDefault(); // or the browser would close the window around it
      show(value);
      input.blur();
    }
  });
  input.addEventListener('keyup', (event) => {
    if (event.key === 'ArrowUp' || event.key === 'ArrowDown') settle();
  });
  input.addEventListener('focus', () => input.select());
  input.addEventListener('change', accept);
  input.addEventListener('blur', () => show(value));

  if (grip) scrub(grip);

  /** @param {HTMLElement} handle */
  function scrub(handle) {
    /** @type {{x: number, from: number, left: number}|null} */
    let drag = null;
    handle.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || input.disabled) return;
      drag = { x: event.clientX, from: value ?? 0, left: 0 };
      merge = gestureKey(options.label);
      handle.setPointerCapture(event.pointerId);
      event.stopPropagation();
    });
    handle.addEventListener('pointermove', (event) => {
      if (!drag) return;
      const steps = Math.trunc((event.clientX - drag.x) / PIXELS_PER_STEP);
      if (steps === drag.left) return;
      drag.left = steps;
      change(drag.from + steps * stepOf(event));
    });
    const end = (/** @type {PointerEvent} */ event) => {
      if (drag && drag.left === 0 && event.type === 'pointerup') input.focus();
      drag = null;
      settle();
    };
    handle.addEventListener('pointerup', end);
    handle.addEventListener('pointercancel', end);
  }

  /**
   * @param {number} low
   * @param {number} high
   */
  function limits(low, high) {
    min = low;
    max = high;
    setAttribute(input, 'aria-valuemin', Number.isFinite(low) ? low : null);
    setAttribute(input, 'aria-valuemax', Number.isFinite(high) ? high : null);
  }

  return {
    element: field,
    input,
    limits,
    value: () => value,
    set(next, placeholder = options.placeholder ?? '') {
      if (input.placeholder !== placeholder) input.placeholder = placeholder;
      const typing = next === value && /** @type {ShadowRoot} */ (input.getRootNode()).activeElement === input;
      if (!typing) show(next);
    },
  };
}

/**
 * What a typed text means: a number, or a change of the present one such as "+=10", "-=4", "*=2", "/=3".
 *
 * @param {string} written
 * @param {number|null} present
 * @returns {number|null} null where it means nothing
 */
export function evaluated(written, present) {
  const match = /^(?:([-+*/])=)?\s*([-+]?(?:\d+[.,]?\d*|[.,]\d+))$/.exec(written);
  if (!match) return null;
  const number = Number(match[2].replace(',', '.'));
  const base = present ?? 0;
  switch (match[1]) {
    case '+': return base + number;
    case '-': return base - number;
    case '*': return base * number;
    case '/': return number === 0 ? null : base / number;
    default: return number;
  }
}
