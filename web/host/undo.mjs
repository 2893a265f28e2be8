// Two histories in one page: the editor's own while it has the focus, the graph's everywhere else.

/** @import { Comfy } from './comfy.mjs' */

/** @typedef {{ mode?: string }} QueueSettings */
/** @typedef {{ activeWorkflow?: { changeTracker?: { undoQueue?: unknown[] } | null } | null }} Workflows */
/** @typedef {{ queueSettings?: QueueSettings, workflow?: Workflows }} Manager what of it is not in the published types */
/** @typedef {{ autoQueueEnabled?: boolean, autoQueueMode?: string }} LegacyQueue */

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
 * Runs the editor's undo or redo for its key, unless ComfyUI's own runs. With Run (On Change) newer frontends spare
 * nobody: after the editor's undo theirs would take that back as one more change.
 * @param {Comfy} comfy
 * @param {() => void} run
 * @returns {boolean} false if it is not known yet; then `run` follows, should ComfyUI have done nothing
 */
export function runForKey({ app }, run) {
  const { queueSettings, workflow } = /** @type {Manager} */ (app.extensionManager ?? {});
  const { autoQueueEnabled, autoQueueMode } = /** @type {LegacyQueue} */ (app.ui ?? {});
  const steps = () => workflow?.activeWorkflow?.changeTracker?.undoQueue?.length;
  if (queueSettings?.mode !== 'change' && !(autoQueueEnabled && autoQueueMode === 'change')) {
    run();
    return true;
  }
  const before = steps();
  // ComfyUI waits for the same frame, and has asked for it first: it hears the key on window.
  requestAnimationFrame(() => {
    if (steps() === before) run();
  });
  return false;
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
