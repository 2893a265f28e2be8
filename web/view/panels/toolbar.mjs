/** The toolbar. It shows commands of the editor's table; what does not fit goes into a menu at its end. */

import { button, element, setAttribute, text } from './controls.mjs';
import { hasIcon } from './icons.mjs';
import { activeElement, openMenu } from './popover.mjs';

/** @typedef {import('../types.mjs').Command} Command */

/**
 * A button whose action needs to know where it is, such as one that opens a panel.
 * @typedef {{name: string, icon: string, label: string, open: (anchor: HTMLElement) => void}} Opener
 */

/**
 * @param {import('../types.mjs').Context} context
 * @param {readonly (readonly (string | Opener)[])[]} groups names of commands, or openers, in the order shown
 * @param {{[command: string]: string}} [icons] where a command's icon is not named as the command
 * @returns {import('../types.mjs').Panel}
 */
export function createToolbar({ host, commands }, groups, icons = {}) {
  const title = text(host, 'toolbar.label');
  /** @type {{command: Command|null, opener: Opener|null, element: HTMLButtonElement, group: HTMLElement}[]} */
  const items = [];
  const bar = element('div', {
    class: 'toolbar',
    attributes: { role: 'toolbar', 'aria-label': title },
    on: { keydown: onKey, focusin: (event) => setStop(event.target) },
  });
  for (const names of groups) {
    const group = element('div', { class: 'group' });
    for (const name of names) {
      const opener = typeof name === 'string' ? null : name;
      const command = typeof name === 'string' ? commands[name] : null;
      if (command || opener) items.push({ command, opener, element: make(command, opener), group });
    }
    group.append(...items.filter((item) => item.group === group).map((item) => item.element));
    if (group.childElementCount) bar.append(group);
  }
  const more = button({ label: text(host, 'toolbar.more'), icon: 'more', run: openRest });
  setAttribute(more, 'aria-haspopup', 'menu');
  more.tabIndex = -1;
  more.hidden = true;
  bar.append(element('span', { class: 'spring' }), more);

  const observer = new ResizeObserver(fit);
  observer.observe(bar);

  /**
   * @param {Command|null} command
   * @param {Opener|null} opener
   */
  function make(command, opener) {
    const name = command?.name ?? opener?.name ?? '';
    const picture = opener?.icon ?? icons[name] ?? name;
    const made = button({
      label: command?.label ?? opener?.label ?? '',
      icon: hasIcon(picture) ? picture : undefined,
      keys: command?.keys.length ? keyText(command.keys[0]) : undefined,
      pressed: command?.checked ? command.checked() : undefined,
      run: () => (opener ? opener.open(made) : command?.run()),
    });
    made.dataset.command = name;
    made.tabIndex = -1;
    if (opener) setAttribute(made, 'aria-haspopup', 'dialog');
    return made;
  }

  function show() {
    for (const { command, element: shown } of items) {
      if (!command) continue;
      const disabled = !command.enabled();
      if (shown.disabled !== disabled) shown.disabled = disabled;
      if (command.checked) setAttribute(shown, 'aria-pressed', String(command.checked()));
    }
    if (!stops().some((stop) => stop.tabIndex === 0)) setStop(stops()[0]);
  }

  /** Shows as many buttons as there is room for. */
  function fit() {
    const width = bar.clientWidth;
    if (!width) return;
    for (const item of items) item.element.hidden = item.group.hidden = false; // of the last time, or they measure as nothing
    more.hidden = true;
    if (bar.scrollWidth > width) {
      more.hidden = false;
      for (const item of [...items].reverse()) {
        if (bar.scrollWidth <= width) break;
        item.element.hidden = true;
      }
    }
    for (const group of new Set(items.map((item) => item.group))) {
      group.hidden = [...group.children].every((child) => /** @type {HTMLElement} */ (child).hidden);
    }
    show();
  }

  function openRest() {
    openMenu(more, items.filter((item) => item.element.hidden).map(({ command, opener }) => ({
      label: command?.label ?? opener?.label ?? '',
      icon: opener?.icon ?? icons[command?.name ?? ''] ?? command?.name,
      keys: command?.keys.length ? keyText(command.keys[0]) : undefined,
      checked: command?.checked?.() || undefined,
      disabled: command ? !command.enabled() : false,
      run: () => (opener ? opener.open(more) : command?.run()),
    })), { label: text(host, 'toolbar.more') });
  }

  function stops() {
    return [...items.map((item) => item.element), more].filter((stop) => !stop.hidden && !stop.disabled);
  }

  /** @param {unknown} target the one button that Tab reaches */
  function setStop(target) {
    if (!(target instanceof HTMLButtonElement)) return;
    for (const stop of [...items.map((item) => item.element), more]) stop.tabIndex = stop === target ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const all = stops();
    const index = all.indexOf(/** @type {HTMLButtonElement} */ (activeElement(bar)));
    const target = {
      ArrowRight: all[(index + 1) % all.length], ArrowLeft: all[(index + all.length - 1) % all.length],
      Home: all[0], End: all[all.length - 1],
    }[event.key];
    if (index < 0 || !target || event.ctrlKey || event.metaKey || event.altKey) return;
    target.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  show();
  return { element: bar, update: show, dispose: () => observer.disconnect() };
}

const MAC = typeof navigator !== 'undefined' && /Mac|iP(?:hone|ad|od)/.test(navigator.platform);
/** @type {Record<string, string>} */
const SIGNS = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Delete: 'Del', ' ': 'Space' };

/**
 * A shortcut as people read it.
 *
 * @param {string} keys such as "Mod+Shift+Z"
 * @returns {string}
 */
export function keyText(keys) {
  return keys.replace(/Mod/, MAC ? '⌘' : 'Ctrl').split(/\+(?=.)/).map((key) => SIGNS[key] ?? key).join('+');
}
