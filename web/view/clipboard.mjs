/** What comes in by paste and drop (pictures, drawings as text) and goes out by copy and cut. */

import { appendTracks, copyShift, removeTracks } from '../core/edits.mjs';
import { DocumentError, MAX_TRACKS, serialize } from '../core/document.mjs';
import { importTrajectories } from '../core/formats.mjs';
import { select } from '../core/selection.mjs';
import { withBackground } from './background.mjs';
import { isTyping } from './keyboard.mjs';

/** @typedef {import('./types.mjs').Store} Store */
/** @typedef {import('./types.mjs').Host} Host */

const LARGEST_TEXT = 32_000_000;
const LARGEST_PICTURE = 64_000_000;
/** What was copied last, in any editor of this page, for browsers that do not let us read the clipboard. */
let copied = '';

/**
 * @typedef {object} Intake
 * @property {Store} store
 * @property {Host} host
 * @property {(key: string, values?: Record<string, string|number>) => string} text
 * @property {(text: string, level?: 'info'|'warn'|'error') => void} say
 */

export class Clipboard {
  /**
   * @param {HTMLElement} element gets the events
   * @param {Intake} intake
   */
  constructor(element, intake) {
    this.intake = intake;
    this.element = element;
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    /** @param {string} type @param {(event: any) => void} listener */
    const on = (type, listener) => element.addEventListener(type, listener, { signal });
    on('copy', (event) => this.#onCopy(event, false));
    on('cut', (event) => this.#onCopy(event, true));
    on('paste', (event) => this.#onPaste(event));
    on('dragover', (event) => this.#onDragOver(event));
    on('dragleave', (event) => {
      if (!element.contains(event.relatedTarget)) element.removeAttribute('data-drop');
    });
    on('drop', (event) => this.#onDrop(event));
  }

  dispose() {
    this.listeners.abort();
  }

  get hasSelection() {
    return this.intake.store.selection.tracks.length > 0;
  }

  /** The selected tracks as a document of their own. */
  selectedText() {
    const { document, selection } = this.intake.store;
    const { width, height, frames, fps } = document;
    const tracks = [...selection.tracks].sort((a, b) => a - b).map((index) => document.tracks[index]);
    return serialize({ version: 1, width, height, frames, fps, tracks });
  }

  copy() {
    copied = this.selectedText();
    // Not every page may write to the clipboard; within this page it works without.
    navigator.clipboard?.writeText(copied).catch(() => {});
    this.intake.say(this.intake.text('clipboard.copied', { count: this.intake.store.selection.tracks.length }));
  }

  cut() {
    this.copy();
    this.#removeSelected();
  }

  async paste() {
    let text = '';
    try {
      text = await navigator.clipboard.readText();
    } catch {
      text = copied;
    }
    if (text.trim()) this.importText(text, { pasted: true });
    else this.intake.say(this.intake.text('clipboard.empty'), 'warn');
  }

  /**
   * @param {string} text
   * @param {{name?: string, pasted?: boolean}} [how] `name`: of the file it is from; `pasted`: it may be a copy of what is
   *   here, and is put beside that
   * @returns {boolean}
   */
  importText(text, { name = '', pasted = false } = {}) {
    const { store, say } = this.intake;
    const t = this.intake.text;
    try {
      const found = importTrajectories(text, store.document, { name });
      const room = MAX_TRACKS - store.document.tracks.length;
      if (found.tracks.length === 0) {
        say(t('clipboard.nothing'), 'warn');
        return false;
      }
      store.edit(t('step.import'), (document) => {
        const next = appendTracks(document, found.tracks, pasted ? copyShift(document) : {});
        const added = next.tracks.length - document.tracks.length;
        return { document: next, selection: select({ tracks: Array.from({ length: added }, (_, i) => document.tracks.length + i) }) };
      });
      if (found.tracks.length > room) say(t('stage.full', { limit: MAX_TRACKS }), 'warn');
      else say(t('clipboard.pasted', { count: found.tracks.length }));
      return true;
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      say(error.message, 'error');
      return false;
    }
  }

  /**
   * A picture becomes the background.
   * @param {Blob} file
   * @param {string} name
   */
  async usePicture(file, name) {
    const { store, host, text, say } = this.intake;
    if (file.size > LARGEST_PICTURE) return say(text('background.tooLarge', { limit: LARGEST_PICTURE / 1e6 }), 'warn');
    try {
      const image = await host.upload(file, name || 'background.png');
      store.edit(text('step.background'), (document) => withBackground(document, { image, hidden: false }));
      say(text('background.set'));
    } catch (error) {
      say(text('background.failed', { reason: error instanceof Error ? error.message : String(error) }), 'error');
    }
  }

  /**
   * Files that were dropped, pasted or picked.
   * @param {File[]} files
   * @returns {boolean} whether any of them is for us; videos, among others, are ComfyUI's, which reads workflows from them
   */
  useFiles(files) {
    const { text, say } = this.intake;
    const picture = files.find((file) => file.type.startsWith('image/'));
    const texts = files.filter((file) => !file.type.startsWith('image/') && /\.(?:json|txt)$/i.test(file.name));
    if (picture) void this.usePicture(picture, picture.name);
    for (const file of texts) {
      if (file.size > LARGEST_TEXT) say(text('transfer.fileTooLarge', { limit: LARGEST_TEXT / 1e6 }), 'warn');
      else void file.text().then((content) => this.importText(content, { name: /\.txt$/i.test(file.name) ? file.name.replace(/\.txt$/i, '') : '' }));
    }
    return Boolean(picture) || texts.length > 0;
  }

  /** What was copied goes, which are whole tracks, whatever points are selected. */
  #removeSelected() {
    const { store, text } = this.intake;
    const { tracks } = store.selection;
    store.edit(text('step.delete'), (document) => removeTracks(document, tracks));
  }

  /**
   * @param {ClipboardEvent} event
   * @param {boolean} cut
   */
  #onCopy(event, cut) {
    if (isTyping(event) || !this.hasSelection || !event.clipboardData) return;
    copied = this.selectedText();
    event.clipboardData.setData('text/plain', copied);
    event.preventDefault();
    event.stopPropagation();
    this.intake.say(this.intake.text('clipboard.copied', { count: this.intake.store.selection.tracks.length }));
    if (cut) this.#removeSelected();
  }

  /** @param {ClipboardEvent} event */
  #onPaste(event) {
    if (isTyping(event) || !event.clipboardData) return;
    const text = event.clipboardData.getData('text/plain');
    if (this.useFiles([...event.clipboardData.files]) || (text.trim() && (this.importText(text, { pasted: true }) || true))) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** @param {DragEvent} event */
  #onDragOver(event) {
    const types = event.dataTransfer?.types ?? [];
    if (!types.includes('Files')) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
    this.element.setAttribute('data-drop', '');
  }

  /** @param {DragEvent} event */
  #onDrop(event) {
    this.element.removeAttribute('data-drop');
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!this.useFiles(files)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}
