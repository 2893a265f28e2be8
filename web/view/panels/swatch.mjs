/** A colour button with a palette behind it. */

import { element, gestureKey, setAttribute } from './controls.mjs';
import { openPopover } from './popover.mjs';

/** The document's own palette first, then quiet and dark ones that stand apart from it. */
const EXTRA = ['#9a6324', '#469990', '#000075', '#808000', '#800000', '#808080', '#ffffff', '#000000'];

/**
 * @param {object} options
 * @param {readonly string[]} options.palette
 * @param {() => string} options.label asked for at each opening
 * @param {string} options.customLabel
 * @param {(color: string, merge: string) => void} options.change
 * @returns {{element: HTMLButtonElement, set: (color: string, label: string) => void}}
 */
export function swatch(options) {
  let color = '';
  const made = element('button', {
    class: 'swatch',
    attributes: { type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', tabindex: -1 },
    on: { click: open },
  });

  function open() {
    const merge = gestureKey('color');
    const cells = [...options.palette, ...EXTRA].map((choice) => {
      const cell = element('button', {
        class: 'swatch',
        title: choice,
        attributes: { type: 'button', 'aria-label': choice, 'aria-pressed': String(choice === color) },
        on: {
          click: () => {
            options.change(choice, merge);
            opened?.close();
          },
        },
      });
      cell.style.setProperty('--color', choice);
      return cell;
    });
    const custom = element('input', {
      attributes: { type: 'color', value: color, 'aria-label': options.customLabel },
      on: { input: () => options.change(custom.value, merge) },
    });
    custom.value = long(color);
    const content = element('div', { class: 'palette' }, element('div', { class: 'cells' }, ...cells),
      element('label', { class: 'custom' }, custom, options.customLabel));
    const opened = openPopover(made, content, { label: options.label() });
    opened?.element.addEventListener('keydown', (event) => {
      const index = cells.indexOf(/** @type {HTMLButtonElement} */ (event.target));
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -8, ArrowDown: 8 }[event.key];
      if (step && index >= 0) {
        cells[Math.min(Math.max(index + step, 0), cells.length - 1)].focus();
        event.preventDefault();
      }
      if (event.key === 'Escape') {
        event.preventDefault(); // or the browser would close the window below as well
        opened.close();
      }
      if (event.key !== 'Tab') event.stopPropagation();
    });
    (cells.find((cell) => cell.getAttribute('aria-pressed') === 'true') ?? cells[0]).focus();
  }

  return {
    element: made,
    set(next, label) {
      if (color !== next) made.style.setProperty('--color', next);
      color = next;
      setAttribute(made, 'aria-label', label);
      if (made.title !== label) made.title = label;
    },
  };
}

/**
 * @param {string} color "#rgb" or "#rrggbb"
 * @returns {string} "#rrggbb"
 */
function long(color) {
  return /^#[0-9a-f]{3}$/i.test(color) ? `#${[...color.slice(1)].map((digit) => digit + digit).join('')}` : color;
}
