/** @typedef {import('./types.mjs').Store} Store */
/** @typedef {import('./types.mjs').Document} Document */
/** @typedef {import('./types.mjs').Selection} Selection */

/**
 * An edit that is made anew from the same beginning while the pointer moves, and is one step in the end. As soon as
 * anything else changes the document (undo by the keyboard, a loaded workflow) it is over, and changes nothing more.
 */
export class RepeatedEdit {
  /**
   * @param {Store} store
   * @param {string} merge the gesture's own key
   */
  constructor(store, merge) {
    this.store = store;
    this.merge = merge;
    this.base = store.document;
    this.made = store.document;
  }

  get alive() {
    return this.store.document === this.made;
  }

  /**
   * @param {string} label
   * @param {(base: Document) => Document | {document: Document, selection: Selection}} change
   */
  make(label, change) {
    if (!this.alive) return;
    this.store.edit(label, () => change(this.base), { merge: this.merge });
    this.made = this.store.document;
  }

  end() {
    if (this.alive) this.store.endMerge();
  }

  cancel() {
    if (this.alive) this.store.cancel(this.merge);
    this.made = this.base;
  }
}
