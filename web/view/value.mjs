/**
 * The editor's value: the one string that the host keeps. Set from outside it becomes the document; a finished edit
 * becomes the host's new value, once. A value that cannot be read is kept as it is until the user says otherwise.
 */

import { DocumentError, emptyDocument, fitted, parseDocument } from '../core/document.mjs';

/** @typedef {import('./types.mjs').Store} Store */
/** @typedef {import('./types.mjs').Host} Host */
/** @typedef {import('./types.mjs').Document} Document */

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
    this.quiet = false;
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
      const document = fitted(parseDocument(this.kept, canvas), canvas);
      this.broken = false;
      this.#load(document);
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
    const canvas = this.host.canvas();
    if (fitted(this.store.document, canvas) === this.store.document) return;
    this.quiet = true;
    this.store.edit(this.text('step.canvas'), (document) => fitted(document, canvas), { merge: 'canvas' });
    this.quiet = false;
    this.known = this.store.document;
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
    const { width, height, frames, fps } = this.store.document;
    const canvas = this.host.canvas();
    // Undo went over a change of the canvas: the node's inputs follow.
    if (width !== canvas.width || height !== canvas.height || frames !== canvas.frames || fps !== canvas.fps) {
      this.host.setCanvas({ width, height, frames, fps });
    }
    if (this.waiting) return;
    this.waiting = true;
    queueMicrotask(() => this.settle());
  }
}
