/** Options of the drawing surface that the store keeps beside the common ones, with what they are when nobody set them. */

/** @typedef {import('./types.mjs').Store} Store */

/**
 * @typedef {object} StageOptions
 * @property {boolean} strokeTime freehand strokes are keyed by their own time
 * @property {number} smoothing how far, in screen pixels, a simplified stroke may be from the drawn one
 * @property {boolean} guides thirds, centre and diagonals
 * @property {boolean} showGrid
 * @property {boolean} box transform box around the selection
 * @property {boolean} portraits entities' pictures at the current frame
 * @property {boolean} smoothPlayback between whole frames, too
 * @property {number} rate playback speed, 1 is the clip's own
 */

/** @type {Readonly<StageOptions>} */
const DEFAULTS = Object.freeze({
  strokeTime: false, smoothing: 2.5, guides: false, showGrid: false, box: true, portraits: true, smoothPlayback: true, rate: 1,
});

/**
 * @param {Store} store
 * @returns {StageOptions & import('../core/store.mjs').Options}
 */
export function optionsOf(store) {
  return { ...DEFAULTS, ...store.options };
}

/**
 * @param {Store} store
 * @param {Partial<StageOptions & import('../core/store.mjs').Options>} options
 */
export function setOptions(store, options) {
  store.set({ options });
}
