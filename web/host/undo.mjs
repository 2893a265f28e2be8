// Two histories in one page: the editor's own while it has the focus, the graph's everywhere else.

/** @import { Comfy } from './comfy.mjs' */

/**
 * Keeps ComfyUI's undo, copy and paste off an element that has its own.
 *
 * ComfyUI hears Ctrl+Z, Ctrl+C and Ctrl+V on window and document before, or instead of, the element with the focus, and
 * spares only what says that its text is edited there: `isContentEditable`, and in frontends before 1.46 a `type` of
 * `textarea`. Both are said of this one element; nothing in it becomes editable by that.
 * @param {HTMLElement} element
 */
export function ownHistory(element) {
  Object.defineProperty(element, 'isContentEditable', { value: true, configurable: true });
  Object.defineProperty(element, 'type', { value: 'textarea', configurable: true });
  for (const name of ['copy', 'cut', 'paste']) element.addEventListener(name, (event) => event.stopPropagation());
  // Escape ends what is going on in the editor; one too many must not leave the subgraph that it stands in.
  element.addEventListener('keydown', (event) => event.key === 'Escape' && event.stopPropagation());
}

/**
 * Makes `change` one step of the graph's undo, however it came about: ComfyUI itself looks for changes only when a
 * mouse button goes up.
 * @param {Comfy} comfy
 * @param {() => void} change
 */
export function asGraphStep({ app }, change) {
  const canvas = app.canvas;
  canvas?.emitBeforeChange?.();
  try {
    change();
  } finally {
    canvas?.emitAfterChange?.();
  }
}
