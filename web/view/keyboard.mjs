/**
 * Shortcuts, only while the editor has the focus. What is handled here does not reach ComfyUI, and neither does anything
 * typed into the editor's own fields; all other keys go on.
 */

/** @typedef {import('./types.mjs').Commands} Commands */

const TAP_MS = 350;

/** ComfyUI's, and the browser's, that nobody means for a field: run, save, open. */
const HOSTS_KEYS = /^Mod\+(?:Alt\+)?(?:Shift\+)?(?:Enter|S|O)$/;

/**
 * Whether an event comes from a field that text is typed into.
 * @param {Event} event
 */
export function isTyping(event) {
  const target = event.composedPath()[0];
  if (target instanceof HTMLTextAreaElement) return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'range', 'color', 'file'].includes(target.type);
}

/**
 * @param {KeyboardEvent} event
 * @returns {string} as commands name their keys, such as "Mod+Shift+Z"
 */
export function keyName(event) {
  const key = event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  return `${event.ctrlKey || event.metaKey ? 'Mod+' : ''}${event.altKey ? 'Alt+' : ''}${event.shiftKey ? 'Shift+' : ''}${key}`;
}

/**
 * Keeps a key that is typed into a field, or chosen with in a list, from ComfyUI, unless it is one of ComfyUI's own.
 * @param {KeyboardEvent} event
 * @returns {boolean} whether it was kept; what was typed must be taken before one that was not
 */
export function keepKey(event) {
  const kept = !HOSTS_KEYS.test(keyName(event));
  if (kept) event.stopPropagation();
  return kept;
}

export class Keyboard {
  /**
   * @param {HTMLElement} element
   * @param {object} options
   * @param {Commands} options.commands
   * @param {import('./stage/stage.mjs').Stage} options.stage
   * @param {(step: number) => boolean} options.cycle selects the next thing under the pointer; whether there was one
   * @param {import('./types.mjs').Host['historyKey']} options.historyKey
   * @param {() => void} options.menu the context menu, by the keyboard
   * @param {() => boolean} options.closePopped closes an open menu or pop-up; whether there was one
   * @param {() => void} options.settle an edit by held keys is finished
   */
  constructor(element, { commands, stage, cycle, historyKey, menu, closePopped, settle }) {
    this.stage = stage;
    this.commands = commands;
    this.cycle = cycle;
    this.historyKey = historyKey;
    this.menu = menu;
    this.closePopped = closePopped;
    this.settle = settle;
    /** @type {Map<string, import('./types.mjs').Command>} */
    this.byKey = new Map();
    for (const command of Object.values(commands)) for (const key of command.keys) this.byKey.set(key, command);
    this.spaceSince = -1;
    /** An arrow key is held: its nudges are one edit. */
    this.held = false;
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    element.addEventListener('keydown', (event) => stage.frames.measured(() => this.#down(event)), { signal });
    element.addEventListener('keyup', (event) => this.#up(event), { signal });
    element.addEventListener('focusout', () => this.#release(), { signal });
  }

  dispose() {
    this.listeners.abort();
  }

  /** @param {KeyboardEvent} event */
  #down(event) {
    if (isTyping(event)) return void keepKey(event);
    // A list has letters and arrows of its own, and no undo.
    if (event.composedPath()[0] instanceof HTMLSelectElement && !keyName(event).startsWith('Mod+')) return void keepKey(event);
    if (['Alt', 'Control', 'Meta', 'Shift'].includes(event.key)) return this.stage.input.modifiers(event);
    if (event.isComposing) return;
    const onStage = event.composedPath()[0] === this.stage.element;
    // Buttons, lists and the timeline have keys of their own.
    if (event.defaultPrevented || (!onStage && ['Space', 'Enter', 'Tab', 'Home', 'End'].includes(keyName(event).replace(/^Shift\+/, '')))) return;
    if (!onStage && /^(?:Shift\+)?Arrow/.test(keyName(event))) return;
    if (this.#handles(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** @param {KeyboardEvent} event @returns {boolean} */
  #handles(event) {
    const name = keyName(event);
    if (name === 'Space') {
      if (this.spaceSince < 0) this.spaceSince = event.timeStamp;
      this.stage.input.panKey = true;
      this.stage.input.panned = false;
      this.stage.input.refresh();
      return true;
    }
    if (name === 'Escape' && this.closePopped()) return true;
    if (name === 'Tab' || name === 'Shift+Tab') return this.cycle(name === 'Tab' ? 1 : -1);
    if (name === 'ContextMenu' || name === 'Shift+F10') {
      this.menu();
      return true;
    }
    const command = this.byKey.get(name) ?? this.byKey.get(name.replace('Shift+', ''));
    if (!command || (!this.byKey.has(name) && /^[A-Z0-9]$/.test(event.key.toUpperCase()))) return false;
    if (/^Mod\+[CXV]$/.test(name)) return false; // the browser sends copy, cut and paste
    if (!command.enabled()) return name !== 'Escape';
    if (command.name === 'undo' || command.name === 'redo') return this.historyKey(command.run);
    this.held = event.key.startsWith('Arrow');
    command.run();
    return true;
  }

  /** @param {KeyboardEvent} event */
  #up(event) {
    if (isTyping(event)) return void keepKey(event);
    if (['Alt', 'Control', 'Meta', 'Shift'].includes(event.key)) this.stage.input.modifiers(event);
    if (event.key.startsWith('Arrow')) this.#release();
    if (event.key !== ' ' || this.spaceSince < 0) return;
    const tapped = event.timeStamp - this.spaceSince < TAP_MS && !this.stage.input.panned;
    this.#endPan();
    event.preventDefault();
    event.stopPropagation();
    if (tapped) this.commands.play.run();
  }

  #release() {
    if (this.spaceSince >= 0) this.#endPan();
    if (!this.held) return;
    this.held = false;
    this.settle();
  }

  #endPan() {
    this.spaceSince = -1;
    this.stage.input.panKey = false;
    this.stage.input.refresh();
  }
}
