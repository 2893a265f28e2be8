/** What the toolbar shows, in the order of importance: what does not fit moves into its menu from the end. */

/** @typedef {import('./types.mjs').Context} Context */
/** @typedef {import('./panels/toolbar.mjs').Opener} Opener */

/**
 * @param {Context} context
 * @param {(key: string) => string} text
 * @param {{openBackground: (anchor: HTMLElement) => void}} openers
 * @returns {(string|Opener)[][]}
 */
export function toolbarGroups(context, text, { openBackground }) {
  /** @param {string} name @param {(anchor: HTMLElement) => void} open @returns {Opener} */
  const opener = (name, open) => ({ name, icon: name, label: text(`command.${name}`), open });
  return [
    ['select', 'draw', 'freehand', 'static'],
    ['large', 'panels'],
    ['undo', 'redo'],
    [opener('background', openBackground)],
    ['delete', 'duplicate', 'toggleSmooth', 'closeLoop', 'reverse'],
    ['pan', 'fit', 'zoomIn', 'zoomOut'],
    ['snap', 'grid', 'speedTicks', 'onion', 'labels'],
    ['mirrorX', 'mirrorY', 'rotate'],
  ];
}
