/**
 * The shapes that the editor's modules share: what it asks of its host, and what its parts hand to one another.
 * This module holds types only.
 */

/** @typedef {import('../core/document.mjs').Document} Document */
/** @typedef {import('../core/document.mjs').Track} Track */
/** @typedef {import('../core/document.mjs').Point} Point */
/** @typedef {import('../core/selection.mjs').Selection} Selection */
/** @typedef {import('../core/store.mjs').Store} Store */

/**
 * An entity of the graph. `name` is the track it follows, `phrase` the words of the prompt that mean it, `thumbnail` a URL.
 * @typedef {{name: string, phrase: string, thumbnail: string|null, node: string}} Entity
 */

/** @typedef {{width: number, height: number, frames: number, fps: number}} Canvas */
/** @typedef {{url: string, kind: 'image'|'video'}} LinkedBackground */
/** @typedef {'entities'|'canvas'|'background'|'theme'} HostChange */

/**
 * Everything the editor wants from the page it lives in. See `host/` for ComfyUI's and `tests/web/harness.mjs` for a stand-in.
 * @typedef {object} Host
 * @property {() => Entity[]} entities entities of the same graph, subgraphs included
 * @property {() => Canvas} canvas size and clip as the node's inputs say
 * @property {(partial: Partial<Canvas>) => void} setCanvas writes the node's inputs
 * @property {() => LinkedBackground|null} background what is linked to the background input, known without running the graph
 * @property {(reference: string) => string} resolveImage "name.png [input]" to a URL
 * @property {(file: Blob, name: string) => Promise<string>} upload stores a picture and returns its reference
 * @property {(text: string) => void} commit a finished edit: the widget's new value and one undo step of the host
 * @property {(run: () => void) => boolean} historyKey the key of undo or redo: runs the editor's, or returns false if the page
 *   does its own first and `run` follows only if that did nothing
 * @property {(key: string, values?: Record<string, string|number>) => string} text a translated text
 * @property {(level: 'info'|'warn'|'error', text: string) => void} notify
 * @property {() => boolean} isDark
 * @property {(listener: (what: HostChange) => void) => (() => void)} onChange
 * @property {(event: PointerEvent|WheelEvent) => void} [forwardPan] hands a pan that is not ours to the graph
 */

/**
 * One thing a user can do. Toolbar, keyboard and context menu run the same commands.
 * @typedef {object} Command
 * @property {string} name
 * @property {string} label translated
 * @property {string[]} keys such as "Mod+Shift+Z"; Mod is Ctrl, or Command on a Mac
 * @property {() => void} run
 * @property {() => boolean} enabled
 * @property {(() => boolean)|null} checked for switches: whether it is on
 */

/** @typedef {Record<string, Command>} Commands */

/**
 * The clip's clock. `time` is a frame number with fractions while playing; `store.frame` is the whole frame shown.
 * @typedef {object} Playback
 * @property {number} time
 * @property {() => void} play
 * @property {() => void} pause
 * @property {() => void} toggle
 * @property {(frame: number) => void} seek
 * @property {(frames: number) => void} step
 * @property {(now: number) => boolean} tick moves the clock; whether it wants another animation frame
 * @property {() => void} dispose
 */

/**
 * What every panel gets.
 * @typedef {object} Context
 * @property {Store} store
 * @property {Host} host
 * @property {Playback} playback
 * @property {Commands} commands
 */

/** @typedef {{element: HTMLElement, update: (changed: Set<string>) => void, dispose: () => void}} Panel */

export {};
