/** The editor's frame: toolbar, stage, timeline and side panels in the node, or all of it in a large window. */

import { button, element } from './panels/controls.mjs';

/** Narrower than this the list is a drawer that is closed at first, and narrower than `OVER` it lies over the stage. */
const NARROW = 700;
const OVER = 520;
const TIMELINE_ROOM = 330;

export class Shell {
  /**
   * @param {HTMLElement} root the editor's outermost element in the shadow root
   * @param {(key: string) => string} text
   * @param {() => void} changed the layout changed
   */
  constructor(root, text, changed) {
    this.root = root;
    this.changed = changed;
    /** @type {{toolbar: HTMLElement, stage: HTMLElement, timeline: HTMLElement, side: HTMLElement,
     * notice: HTMLElement}|null} */
    this.parts = null;
    this.frame = element('div', { class: 'frame', attributes: { 'data-drop-text': text('stage.drop') } });
    this.back = button({ label: text('command.small'), icon: 'small', showLabel: true, run: () => this.closeLarge() });
    this.away = element('div', { class: 'away' }, element('p', { text: text('stage.away') }), this.back);
    this.window = element('dialog', { class: 'window', attributes: { 'aria-label': text('stage.window') } });
    this.window.addEventListener('close', () => this.#returned());
    // A press on the backdrop closes it; its target is the dialog itself.
    this.window.addEventListener('pointerdown', (event) => {
      if (event.target !== this.window) return;
      const { left, right, top, bottom } = this.window.getBoundingClientRect();
      const { clientX: x, clientY: y } = event;
      if (x < left || x > right || y < top || y > bottom) this.closeLarge();
    });
    root.append(this.frame, this.window);
    this.observer = new ResizeObserver(() => this.relayout());
    this.narrow = false;
    /** @type {(() => void)|null} */
    this.closed = null;
  }

  /** @param {NonNullable<Shell['parts']>} parts */
  fill(parts) {
    this.parts = parts;
    this.frame.append(parts.toolbar, parts.stage, parts.timeline, parts.side, parts.notice);
    this.observer.observe(this.frame);
    this.relayout();
  }

  isLarge() {
    return this.window.open;
  }

  /** @param {() => void} [closed] called when the window is closed again */
  openLarge(closed) {
    if (this.window.open || !this.root.isConnected) return closed?.();
    this.closed = closed ?? null;
    this.window.append(this.frame);
    this.root.prepend(this.away);
    this.window.showModal();
    this.parts?.stage.focus({ preventScroll: true });
    this.relayout();
  }

  closeLarge() {
    if (this.window.open) this.window.close();
  }

  #returned() {
    this.away.remove();
    this.root.prepend(this.frame);
    this.closed?.();
    this.closed = null;
    this.relayout();
    if (this.root.isConnected) this.parts?.stage.focus({ preventScroll: true });
  }

  isDrawerOpen() {
    return this.narrow ? this.frame.hasAttribute('data-drawer') : !this.frame.hasAttribute('data-noside');
  }

  toggleDrawer() {
    this.frame.toggleAttribute(this.narrow ? 'data-drawer' : 'data-noside');
    this.relayout();
  }

  /** Fits the parts to the room there is. */
  relayout() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    if (!width || !height || !this.parts) return;
    this.narrow = width < NARROW;
    this.frame.toggleAttribute('data-narrow', this.narrow);
    this.frame.toggleAttribute('data-beside', width >= OVER);
    this.parts.side.toggleAttribute('data-wide', width > 1200);
    const timeline = height < TIMELINE_ROOM ? 0 : Math.round(Math.min(Math.max(height * 0.22, 86), 230));
    this.frame.style.setProperty('--timeline', timeline ? `${timeline}px` : 'auto');
    this.frame.toggleAttribute('data-low', !timeline);
    this.frame.style.setProperty('--side', `${Math.round(Math.min(Math.max(width * 0.24, 240), 320))}px`);
    this.changed();
  }

  dispose() {
    this.observer.disconnect();
    if (this.window.open) this.window.close();
  }
}
