/**
 * What tools work on: the store, the camera, what lies under the pointer, and the marks drawn while a gesture goes on.
 * Types only.
 */

/** @typedef {import('../types.mjs').Store} Store */
/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('../../core/hit.mjs').Hit} Hit */
/** @typedef {import('../stage/camera.mjs').Camera} Camera */
/** @typedef {import('./box.mjs').TransformBox} TransformBox */

/**
 * A pointer event in the stage's terms.
 * @typedef {object} Pointer
 * @property {number} x screen pixels of the stage
 * @property {number} y
 * @property {number} cx canvas pixels
 * @property {number} cy
 * @property {number} time milliseconds
 * @property {boolean} shift
 * @property {boolean} alt
 * @property {boolean} mod Ctrl, or Command on a Mac
 * @property {boolean} touch
 * @property {boolean} double the second press of two at one place
 */

/**
 * Marks of the moment, drawn on top.
 * @typedef {object} Marks
 * @property {number} hovered index of the track under the pointer or -1
 * @property {{x: number, y: number, color: string, from: [number, number]|null, kind: 'point'|'insert'}|null} promise screen pixels
 * @property {{left: number, top: number, right: number, bottom: number}|null} band screen pixels
 * @property {{x: number|null, y: number|null}|null} snapped canvas pixels
 * @property {{places: number[], color: string}|null} stroke canvas pixels
 * @property {boolean} hideBox
 * @property {string} readout what is under the pointer or being done, in words and numbers
 */

/**
 * @typedef {object} Surface
 * @property {Store} store
 * @property {Camera} camera
 * @property {Marks} marks
 * @property {(pointer: {cx: number, cy: number, touch: boolean}) => Hit[]} hits all candidates, nearest first
 * @property {() => TransformBox|null} box
 * @property {(x: number, y: number, except?: ReadonlySet<number>) => [number, number]} snap canvas pixels to canvas pixels, as the
 *   options say; tracks in `except` do not attract
 * @property {() => {name?: string}} nextTrack fields for a new track: the name of an entity that has none yet
 * @property {(key: string, values?: Record<string, string|number>) => string} text
 * @property {(text: string, level?: 'info'|'warn') => void} say to the live region; a warning is shown as well
 * @property {() => void} redraw marks
 * @property {() => void} commit the gesture is over: hand the document to the host
 * @property {(cursor: string) => void} cursor
 */

/**
 * What goes on between press and release.
 * @typedef {object} Gesture
 * @property {(pointer: Pointer) => void} move once a frame
 * @property {((pointer: Pointer) => void)} [sample] for every pointer event, before `move`
 * @property {(pointer: Pointer) => void} end
 * @property {() => void} cancel takes everything back
 */

/**
 * @typedef {object} Tool
 * @property {(surface: Surface, pointer: Pointer) => Gesture|null} press
 * @property {(surface: Surface, pointer: Pointer) => void} hover
 */

export {};
