/**
 * The editor's state in one place: document, selection, current frame, tool and options, with undo and subscribers.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./selection.mjs').Selection} Selection
 * @typedef {'select'|'draw'|'freehand'|'static'|'pan'} Tool
 * @typedef {{snap: boolean, grid: number, onion: boolean, labels: boolean, loop: boolean, speedTicks: boolean}} Options
 *   `grid` in pixels of the canvas
 * @typedef {{selection: Selection, frame: number, playing: boolean, tool: Tool, options: Partial<Options>}} Settable
 * @typedef {'document'|'selection'|'frame'|'playing'|'tool'|'options'|'history'} Aspect
 */

import { serialize } from './document.mjs';
import { History } from './history.mjs';
import { equal } from './plain.mjs';
import { NOTHING, afterEdit, valid } from './selection.mjs';

/** @type {Readonly<Options>} */
export const DEFAULT_OPTIONS = Object.freeze({
  snap: false, grid: 16, onion: false, labels: true, loop: true, speedTicks: true,
});

export class Store {
  /** @type {Document} */ #document;
  /** @type {Selection} */ #selection = NOTHING;
  #frame = 0;
  #playing = false;
  /** @type {Tool} */ #tool = 'select';
  /** @type {Readonly<Options>} */ #options = DEFAULT_OPTIONS;
  /** @type {History} */ #history;
  /** @type {Set<(changed: Set<Aspect>) => void>} */ #subscribers = new Set();
  /** @type {{document: Document, text: string}|null} */ #text = null;

  /** @param {Document} document */
  constructor(document) {
    this.#document = document;
    this.#history = new History(document, NOTHING);
  }

  get document() { return this.#document; }
  get selection() { return this.#selection; }
  /** The current frame, a whole number 0..frames-1; while playing, `playback.mjs` knows the fraction. */
  get frame() { return this.#frame; }
  get playing() { return this.#playing; }
  get tool() { return this.#tool; }
  get options() { return this.#options; }
  get canUndo() { return this.#history.canUndo; }
  get canRedo() { return this.#history.canRedo; }
  get undoLabel() { return this.#history.undoLabel; }
  get redoLabel() { return this.#history.redoLabel; }

  /** The document as text, made when first asked for. */
  get text() {
    if (this.#text?.document !== this.#document) {
      this.#text = { document: this.#document, text: serialize(this.#document) };
    }
    return this.#text.text;
  }

  /**
   * Change the document: one undo step, or part of one with the same `merge` key before it. Nothing happens if `edit`
   * returns the document it got. The selection follows what it selects, unless `edit` says what is selected now.
   * @param {string} label what was done, for the undo button
   * @param {(document: Document) => Document | {document: Document, selection: Selection}} edit
   * @param {{merge?: string}} [how] `merge`: key of a gesture; all its edits are one step
   * @returns {boolean} whether the document changed
   */
  edit(label, edit, { merge } = {}) {
    const before = this.#document;
    const result = edit(before);
    const given = isEdit(result);
    const document = given ? result.document : result;
    const selection = given ? valid(result.selection, document) : afterEdit(this.#selection, before, document);
    if (document !== before) this.#history.push(label, document, this.#selection, selection, merge ?? null);
    this.#show(document, selection, document !== before);
    return document !== before;
  }

  /**
   * Another form of the present document, without a step: what was done and undone stays as it is.
   * @param {Document} document
   */
  amend(document) {
    const selection = afterEdit(this.#selection, this.#document, document);
    this.#history.amend(document);
    this.#show(document, selection, false);
  }

  /**
   * The gesture is over: later edits with its merge key are a step of their own.
   */
  endMerge() {
    this.#history.seal();
  }

  /**
   * Take an unfinished gesture back (Escape while dragging).
   * @param {string} merge its key
   * @returns {boolean} whether there was anything of it
   */
  cancel(merge) {
    return this.#restore(this.#history.cancel(merge));
  }

  /** @returns {boolean} */
  undo() {
    return this.#restore(this.#history.undo());
  }

  /** @returns {boolean} */
  redo() {
    return this.#restore(this.#history.redo());
  }

  /**
   * A document from outside (the graph's own undo, a loaded workflow): if it is one of the history's, go there, so that
   * both undo stacks live together; otherwise start a new history.
   * @param {Document} document
   */
  load(document) {
    const selection = this.#history.goTo((known) => equal(known, document));
    if (selection) {
      if (this.#history.document !== this.#document) this.#restore(selection);
      return;
    }
    this.#history = new History(document, NOTHING);
    this.#show(document, NOTHING, true);
  }

  /**
   * Change what is not in the document and not undone.
   * @param {Partial<Settable>} values `options` may hold only some
   */
  set(values) {
    /** @type {Set<Aspect>} */
    const changed = new Set();
    if (values.selection !== undefined) {
      const selection = valid(values.selection, this.#document);
      if (selection !== this.#selection) changed.add('selection');
      this.#selection = selection;
    }
    if (values.frame !== undefined && Number.isFinite(values.frame)) {
      const frame = Math.min(Math.max(values.frame, 0), this.#document.frames - 1);
      if (frame !== this.#frame) changed.add('frame');
      this.#frame = frame;
    }
    if (values.playing !== undefined && values.playing !== this.#playing) {
      this.#playing = values.playing;
      changed.add('playing');
    }
    if (values.tool !== undefined && values.tool !== this.#tool) {
      this.#tool = values.tool;
      changed.add('tool');
    }
    if (values.options !== undefined) {
      const options = { ...this.#options, ...values.options };
      const keys = /** @type {(keyof Options)[]} */ (Object.keys(options));
      if (keys.some((key) => options[key] !== this.#options[key])) {
        this.#options = options;
        changed.add('options');
      }
    }
    this.#tell(changed);
  }

  /**
   * @param {(changed: Set<Aspect>) => void} subscriber told what changed, after it changed
   * @returns {() => void} ends the subscription
   */
  subscribe(subscriber) {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  /** @param {Selection|null} selection */
  #restore(selection) {
    if (!selection) return false;
    const { document } = this.#history;
    this.#show(document, valid(selection, document), true);
    return true;
  }

  /**
   * @param {Document} document
   * @param {Selection} selection
   * @param {boolean} history whether undo and redo may have changed
   */
  #show(document, selection, history) {
    /** @type {Set<Aspect>} */
    const changed = new Set();
    if (document !== this.#document) changed.add('document');
    if (selection !== this.#selection) changed.add('selection');
    if (history) changed.add('history');
    this.#document = document;
    this.#selection = selection;
    const frame = Math.min(this.#frame, document.frames - 1);
    if (frame !== this.#frame) changed.add('frame');
    this.#frame = frame;
    this.#tell(changed);
  }

  /** @param {Set<Aspect>} changed */
  #tell(changed) {
    if (changed.size === 0) return;
    for (const subscriber of [...this.#subscribers]) subscriber(changed);
  }
}

/**
 * @param {Document | {document: Document, selection: Selection}} result
 * @returns {result is {document: Document, selection: Selection}}
 */
function isEdit(result) {
  return !('tracks' in result);
}
