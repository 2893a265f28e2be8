/** Menus and pop-up panels in the browser's top layer, so that no node's edge cuts them off; no listener outlives them. */

import { element, setAttribute } from './controls.mjs';
import { icon } from './icons.mjs';

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {string} [icon]
 * @property {string} [keys] shortcut, shown at the right
 * @property {boolean} [checked] makes it one of several choices
 * @property {boolean} [disabled]
 * @property {() => void} run
 */

/** A button whose pop-up was just closed by pressing that same button stays closed. */
const REOPEN_MS = 250;
const MARGIN = 6;

/** @type {WeakMap<Element, number>} when the pop-up of an anchor was closed */
const closedAt = new WeakMap();

/**
 * Opens a pop-up beside its anchor. It closes by Escape, a press outside, or `close()`, and is removed then.
 *
 * @param {HTMLElement} anchor gets the focus back
 * @param {HTMLElement} content
 * @param {{label: string, role?: string, at?: {x: number, y: number}, class?: string, closed?: () => void}} options `at`
 *   in client pixels instead of below the anchor
 * @returns {{element: HTMLElement, close: () => void}|null} null where the same press closed it just now
 */
export function openPopover(anchor, content, options) {
  if (!options.at && performance.now() - (closedAt.get(anchor) ?? -Infinity) < REOPEN_MS) return null;
  const home = anchor.closest('dialog, .tora2') ?? anchor.parentElement;
  if (!home) return null;
  const panel = element('div', {
    class: `popover ${options.class ?? ''}`.trim(),
    // One that a held mouse button opened would be closed by that button's release, if the browser closed it by itself.
    attributes: { popover: options.at ? 'manual' : 'auto', role: options.role ?? 'dialog', 'aria-label': options.label },
  }, content);
  home.append(panel);
  const presses = new AbortController();
  const close = () => {
    const inside = panel.contains(activeElement(panel));
    if (panel.isConnected) panel.hidePopover();
    if (inside) anchor.focus({ preventScroll: true }); // `toggle` comes later than the next key
    presses.abort();
  };
  if (options.at) {
    const document = panel.ownerDocument;
    const outside = (/** @type {Event} */ event) => event.composedPath().includes(panel) || close();
    document.addEventListener('pointerdown', outside, { capture: true, signal: presses.signal });
    document.addEventListener('wheel', outside, { capture: true, passive: true, signal: presses.signal });
    document.defaultView?.addEventListener('blur', close, { signal: presses.signal });
  }
  // `toggle` comes too late: the click of the press that closed it is there before.
  panel.addEventListener('beforetoggle', (event) => {
    if (event.newState === 'closed') closedAt.set(anchor, performance.now());
  });
  panel.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== 'closed') return;
    const inside = panel.contains(activeElement(panel));
    presses.abort();
    setAttribute(anchor, 'aria-expanded', anchor.hasAttribute('aria-expanded') ? 'false' : null);
    panel.remove();
    if (inside || activeElement(anchor) === null) anchor.focus({ preventScroll: true });
    options.closed?.();
  });
  if (anchor.hasAttribute('aria-haspopup')) setAttribute(anchor, 'aria-expanded', 'true');
  panel.showPopover();
  place(panel, options.at ? new DOMRect(options.at.x, options.at.y, 0, 0) : anchor.getBoundingClientRect());
  return { element: panel, close };
}

/**
 * Puts a shown pop-up below a rectangle, or above it where there is more room, and always inside the window.
 *
 * @param {HTMLElement} panel
 * @param {DOMRect} target client pixels
 */
export function place(panel, target) {
  const { innerWidth, innerHeight } = window;
  const below = innerHeight - target.bottom - MARGIN;
  const above = target.top - MARGIN;
  const { width, height } = panel.getBoundingClientRect();
  const top = height <= below || below >= above ? target.bottom + 2 : target.top - height - 2;
  const left = Math.min(target.left, innerWidth - width - MARGIN);
  panel.style.left = `${Math.max(MARGIN, left)}px`;
  panel.style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - height - MARGIN))}px`;
}

/**
 * Opens a menu that arrow keys, Home, End, letters, Enter and Escape work in.
 *
 * @param {HTMLElement} anchor
 * @param {(MenuItem|null)[]} items null draws a line
 * @param {{label: string, at?: {x: number, y: number}}} options
 * @returns {void}
 */
export function openMenu(anchor, items, options) {
  /** @type {HTMLButtonElement[]} */
  const rows = [];
  const list = element('div', { class: 'menu-items' });
  const opened = openPopover(anchor, list, { ...options, role: 'menu', class: 'menu' });
  if (!opened) return;
  for (const item of items) {
    if (!item) {
      list.append(element('hr', { attributes: { role: 'separator' } }));
      continue;
    }
    const entry = element('button', {
      class: 'menu-item',
      attributes: {
        type: 'button',
        role: item.checked === undefined ? 'menuitem' : 'menuitemradio',
        'aria-checked': item.checked === undefined ? null : String(item.checked),
        disabled: item.disabled,
        tabindex: -1,
      },
      on: {
        click: () => {
          opened.close();
          item.run();
        },
        pointerenter: () => entry.focus({ preventScroll: true }),
      },
    }, icon(item.checked ? 'check' : (item.icon ?? '')), element('span', { text: item.label }),
    item.keys && element('kbd', { text: item.keys }));
    if (!item.disabled) rows.push(entry);
    list.append(entry);
  }
  opened.element.addEventListener('keydown', (event) => {
    const index = rows.indexOf(/** @type {HTMLButtonElement} */ (activeElement(list)));
    const target = menuTarget(event, rows, index);
    if (event.key === 'Tab') opened.close();
    if (event.key === 'Escape') opened.close();
    if (target) target.focus();
    if (target || ['Tab', 'Escape'].includes(event.key)) event.preventDefault();
    event.stopPropagation();
  });
  place(opened.element, options.at ? new DOMRect(options.at.x, options.at.y, 0, 0) : anchor.getBoundingClientRect());
  (rows.find((entry) => entry.getAttribute('aria-checked') === 'true') ?? rows[0])?.focus();
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLButtonElement[]} rows
 * @param {number} index of the focused one
 * @returns {HTMLButtonElement|undefined}
 */
function menuTarget(event, rows, index) {
  switch (event.key) {
    case 'ArrowDown': return rows[(index + 1) % rows.length];
    case 'ArrowUp': return rows[(index + rows.length - (index < 0 ? 0 : 1)) % rows.length];
    case 'Home': return rows[0];
    case 'End': return rows[rows.length - 1];
  }
  if (event.key.length !== 1 || event.key === ' ' || event.ctrlKey || event.metaKey) return undefined;
  const letter = event.key.toLocaleLowerCase();
  const turned = [...rows.slice(index + 1), ...rows.slice(0, index + 1)];
  return turned.find((entry) => (entry.textContent ?? '').trim().toLocaleLowerCase().startsWith(letter));
}

/**
 * The focused element in the tree (document or shadow root) that `node` is in.
 *
 * @param {Node} node
 * @returns {Element|null}
 */
export function activeElement(node) {
  const tree = node.getRootNode();
  return tree instanceof Document || tree instanceof ShadowRoot ? tree.activeElement : null;
}
