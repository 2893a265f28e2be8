/**
 * Undo and redo: a list of states of which one is the present one.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./selection.mjs').Selection} Selection
 */

export const MAX_STEPS = 200;

/**
 * @typedef {object} State
 * @property {Document} document
 * @property {string} label what was done to get here
 * @property {string|null} merge the gesture that got here, while it goes on
 * @property {Selection} before the selection when that was begun
 * @property {Selection} after the selection when that was done
 * @property {State[]} [undone] what could be done again before the gesture that got here; comes back if it is taken back
 */

export class History {
  /** @type {State[]} */
  #states;
  #present = 0;

  /**
   * @param {Document} document
   * @param {Selection} selection
   */
  constructor(document, selection) {
    this.#states = [{ document, label: '', merge: null, before: selection, after: selection }];
  }

  get document() {
    return this.#states[this.#present].document;
  }

  /** What `undo` would take back, or ''. */
  get undoLabel() {
    return this.#states[this.#present].label;
  }

  /** What `redo` would do again, or ''. */
  get redoLabel() {
    return this.#states[this.#present + 1]?.label ?? '';
  }

  get canUndo() {
    return this.#present > 0;
  }

  get canRedo() {
    return this.#present < this.#states.length - 1;
  }

  /**
   * One more step, or more of the last one if it was made with the same `merge` key and nothing happened since.
   * A gesture that ends where it began leaves no step.
   * @param {string} label
   * @param {Document} document
   * @param {Selection} before
   * @param {Selection} after
   * @param {string|null} [merge]
   */
  push(label, document, before, after, merge = null) {
    const top = this.#states[this.#present];
    const undone = this.#states.splice(this.#present + 1);
    if (merge !== null && top.merge === merge && this.#present > 0) {
      if (document === this.#states[this.#present - 1].document) {
        this.#takeBack();
      } else {
        this.#states[this.#present] = { ...top, document, after };
      }
      return;
    }
    this.#states.push({ document, label, merge, before, after, undone: merge === null ? [] : undone });
    if (this.#states.length > MAX_STEPS + 1) this.#states.shift();
    this.#present = this.#states.length - 1;
  }

  /**
   * The present state has another document. No step: those before and after it stay.
   * @param {Document} document
   */
  amend(document) {
    this.#states[this.#present] = { ...this.#states[this.#present], document };
  }

  /** The gesture is over: the next step is one of its own even if it has the same merge key. */
  seal() {
    const top = this.#states[this.#present];
    if (top.merge !== null) this.#states[this.#present] = { ...top, merge: null, undone: [] };
  }

  /**
   * Take an unfinished gesture back as if it never was.
   * @param {string} merge
   * @returns {Selection|null} the selection at its beginning, or null if the last step is not of this gesture
   */
  cancel(merge) {
    const top = this.#states[this.#present];
    if (top.merge !== merge || this.#present === 0) return null;
    this.#takeBack();
    this.seal();
    return top.before;
  }

  #takeBack() {
    const { undone = [] } = this.#states[this.#present];
    this.#states.splice(this.#present, Infinity, ...undone);
    this.#present -= 1;
  }

  /** @returns {Selection|null} the selection to restore, or null if there is nothing to undo */
  undo() {
    if (!this.canUndo) return null;
    const { before } = this.#states[this.#present];
    this.#present -= 1;
    this.seal();
    return before;
  }

  /** @returns {Selection|null} the selection to restore, or null if there is nothing to do again */
  redo() {
    if (!this.canRedo) return null;
    this.#present += 1;
    this.seal();
    return this.#states[this.#present].after;
  }

  /**
   * Go to a state whose document is the wanted one, the nearest to the present one.
   * @param {(document: Document) => boolean} wanted
   * @returns {Selection|null} the selection of that state, or null if there is none
   */
  goTo(wanted) {
    for (let away = 0; away < this.#states.length; away++) {
      for (const index of [this.#present - away, this.#present + away]) {
        const state = this.#states[index];
        if (!state || !wanted(state.document)) continue;
        this.#present = index;
        if (away > 0) this.seal();
        return state.after;
      }
    }
    return null;
  }
}
