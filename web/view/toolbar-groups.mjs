/** What the toolbar shows, in the order of importance: what does not fit moves into its menu from the end. */

import { openMenu } from './panels/popover.mjs';
import { keyText } from './panels/toolbar.mjs';

/** @typedef {import('./types.mjs').Commands} Commands */
/** @typedef {import('./panels/toolbar.mjs').Opener} Opener */

/** Pictures of commands that have none of their own name. */
export const TOOLBAR_ICONS = { toggleSmooth: 'smooth', view: 'eye' };

const SHOWN = ['grid', 'guides', 'speedTicks', 'labels', 'portraits', 'onion', 'box'];
const BEHAVIOUR = ['snap', 'strokeTime', 'smoothPlayback', 'loop'];

/**
 * @param {Commands} commands
 * @param {(key: string) => string} text
 * @param {{background: (anchor: HTMLElement) => void, shapes: (anchor: HTMLElement) => void, transfer: () => void}} open
 * @returns {(string|Opener)[][]}
 */
export function toolbarGroups(commands, text, open) {
  /** @param {string} name @param {(anchor: HTMLElement) => void} run @returns {Opener} */
  const opener = (name, run) => ({ name, icon: name === 'view' ? TOOLBAR_ICONS.view : name, label: text(`command.${name}`), open: run });
  return [
    ['select', 'draw', 'freehand', 'static', opener('shapes', open.shapes)],
    ['large', 'panels'],
    ['undo', 'redo'],
    [opener('background', open.background), opener('view', (anchor) => openView(commands, text, anchor)), opener('transfer', open.transfer)],
    ['delete', 'duplicate', 'toggleSmooth', 'closeLoop', 'reverse'],
    ['snap', 'grid', 'onion'],
    ['pan', 'fit', 'zoomIn', 'zoomOut'],
    ['mirrorX', 'mirrorY', 'rotate'],
  ];
}

/**
 * @param {Commands} commands
 * @param {(key: string) => string} text
 * @param {HTMLElement} anchor
 */
function openView(commands, text, anchor) {
  const items = [SHOWN, BEHAVIOUR].map((names) => names.map((name) => ({
    label: commands[name].label, checked: commands[name].checked?.() ?? false, run: commands[name].run,
    keys: commands[name].keys[0] ? keyText(commands[name].keys[0]) : undefined,
  })));
  openMenu(anchor, [...items[0], null, ...items[1]], { label: text('command.view') });
}
