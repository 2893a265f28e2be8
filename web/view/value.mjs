/**
 * The editor's value: the one string that the host keeps. Set from outside it becomes the document; a finished edit
 * becomes the host's new value, once. A value that cannot be read is kept as it is until the user says otherwise.
 */

import { DocumentError, emptyDocument, fitted, parseDocument } from '../core/document.mjs';

/** @typedef {import('./types.mjs').Store} Store */
/** @typedef {import('./types.mjs').Host} Host */
/** @typedef {import('./types.mjs').Document} Document */
/** @typedef {import('./types.mjs').Canvas} Canvas */

/**
 * Where a document that was fitted to a canvas came from. A clip of one frame has no room for keys: whatever is fitted
 * next must come from the drawing as it was before, or running `frames` down and up again would lose them.
 * @typedef {{document: Document, shown: Document}} Origin the drawing as it was made, and what was shown of it at first
 */

export class Value {
  /**
   * @param {Store} store
   * @param {Host} host
   * @param {object} options
   * @param {() => boolean} options.busy a gesture goes on, so that its edits are not finished
   * @param {(problem: string|null) => void} options.problem what is wrong with the value, for the notice
   * @param {(key: string) => string} options.text
   */
  constructor(store, host, { busy, problem, text }) {
    this.store = store;
    this.host = host;
    this.busy = busy;
    this.problem = problem;
    this.text = text;
    /** What the host has. */
    this.kept = '';
    this.broken = false;
    /** @type {Document} whose text is `kept`, give or take the canvas */
    this.known = store.document;
    /** @type {WeakMap<Document, Origin>} */
    this.origins = new WeakMap();
    this.quiet = false;
    /** The node's inputs follow the document, and not the other way round. */
    this.leading = false;
    this.waiting = false;
    this.disposed = false;
    this.unsubscribe = store.subscribe((changed) => {
      if (changed.has('document') && !this.quiet) this.#edited();
    });
  }

  get() {
    return this.kept;
  }

  /** @param {string} text */
  set(text) {
    this.kept = typeof text === 'string' ? text : '';
    const canvas = this.host.canvas();
    try {
      const document = parseDocument(this.kept, canvas);
      this.broken = false;
      this.#load(fitted(document, canvas));
      const shown = this.store.document;
      if (!isOn(document, canvas)) this.origins.set(shown, { document, shown });
      this.problem(null);
    } catch (error) {
      if (!(error instanceof DocumentError)) console.error('Tora2: the drawing could not be read.', error);
      this.broken = true;
      this.#load(emptyDocument(canvas));
      this.problem(error instanceof DocumentError ? error.message : this.text('notice.unreadable'));
    }
  }

  /** The user gives up a value that cannot be read. */
  startAnew() {
    this.broken = false;
    this.problem(null);
    this.kept = '';
    this.host.commit('');
  }

  /** The node's inputs say another canvas or clip: the drawing keeps its place in it. */
  canvasChanged() {
    if (!this.leading) this.#follow((document) => this.store.edit(this.text('step.canvas'), () => document, { merge: 'canvas' }));
  }

  /** Hands a finished edit to the host. */
  commit() {
    this.waiting = false;
    if (this.disposed || this.broken || this.store.document === this.known) return;
    this.known = this.store.document;
    const text = this.store.text;
    if (text === this.kept) return;
    this.kept = text;
    this.host.commit(text);
  }

  /** Called where a gesture may have ended. */
  settle() {
    if (this.waiting && !this.busy()) this.commit();
  }

  dispose() {
    this.settle();
    this.disposed = true;
    this.unsubscribe();
  }

  /** @param {Document} document */
  #load(document) {
    this.quiet = true;
    this.store.load(document);
    this.quiet = false;
    this.known = this.store.document;
    this.waiting = false;
  }

  #edited() {
    const { document } = this.store;
    // Undo went over a change of the canvas: the node's inputs follow.
    if (!isOn(document, this.host.canvas())) this.#lead(document);
    if (this.waiting) return;
    this.waiting = true;
    queueMicrotask(() => this.settle());
  }

  /**
   * The inputs are set one by one and tell of it each time. Only when all are set it shows what could not be, being
   * limited or computed by a linked node; a step of its own would take away what can be done again.
   * @param {Canvas} canvas
   */
  #lead({ width, height, frames, fps }) {
    this.leading = true;
    try {
      this.host.setCanvas({ width, height, frames, fps });
    } finally {
      this.leading = false;
    }
    this.#follow((document) => this.store.amend(document));
  }

  /** @param {(document: Document) => void} show */
  #follow(show) {
    const before = this.store.document;
    const canvas = this.host.canvas();
    if (isOn(before, canvas)) return;
    const origin = this.origins.get(before) ?? { document: before, shown: before };
    // The very same document again, so that a way there and back leaves no step.
    const document = isOn(origin.shown, canvas) ? origin.shown : fitted(origin.document, canvas);
    this.origins.set(document, origin);
    const finished = this.known === before;
    this.quiet = true;
    show(document);
    this.quiet = false;
    if (finished) this.known = document;
  }
}

/**
 * @param {Canvas} document
 * @param {Canvas} canvas
 */
function isOn({ width, height, frames, fps }, canvas) {
  return width === canvas.width && height === canvas.height && frames === canvas.frames && fps === canvas.fps;
}
