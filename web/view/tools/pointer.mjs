/**
 * Pointer events of the stage: one gesture at a time, at most one step of it a frame, two fingers to zoom, a long press
 * for the menu. What is not for the editor goes on to the graph: the wheel and the middle button while the editor does
 * not have the focus.
 */

import * as selectTool from './select.mjs';
import { drawTool, freehandTool, staticTool } from './draw.mjs';

/** @typedef {import('./surface.mjs').Surface} Surface */
/** @typedef {import('./surface.mjs').Pointer} Pointer */
/** @typedef {import('./surface.mjs').Gesture} Gesture */
/** @typedef {import('./surface.mjs').Tool} Tool */

const DOUBLE_MS = 350;
const DOUBLE_PX = 6;
const LONG_PRESS_MS = 550;
const LONG_PRESS_PX = 8;

/** @type {Record<string, Tool>} */
const TOOLS = { select: selectTool, draw: drawTool, freehand: freehandTool, static: staticTool };

export class PointerInput {
  /**
   * @param {object} options
   * @param {HTMLElement} options.element the stage
   * @param {Surface} options.surface
   * @param {() => boolean} options.popped a menu or pop-up is open: the next press only closes it
   * @param {() => boolean} options.focused whether wheel and middle button are ours
   * @param {(event: PointerEvent) => void} options.forward hands a middle-button pan to the graph
   * @param {(at: {x: number, y: number}, pointer: Pointer) => void} options.menu in client pixels
   * @param {() => void} options.view the camera moved
   * @param {(work: () => void) => void} options.measured
   */
  constructor(options) {
    this.options = options;
    this.surface = options.surface;
    /** @type {Gesture|null} */
    this.gesture = null;
    /** @type {Pointer|null} the last place, still to be looked at */
    this.pending = null;
    /** @type {Pointer|null} where the pointer is, or null outside */
    this.last = null;
    /** The key for panning is held. */
    this.panKey = false;
    this.panned = false;
    /** @type {Map<number, [number, number]>} fingers on the stage */
    this.fingers = new Map();
    this.pressed = -1;
    /** @type {AbortController|null} while a finger is on the stage */
    this.touches = null;
    this.forwarding = false;
    this.lastPress = { time: -Infinity, x: 0, y: 0 };
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.longPress = undefined;
    /** @type {{view: import('../../core/viewport.mjs').View, from: [number, number, number, number]}|null} */
    this.pinch = null;
    const { element } = options;
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    /** @param {string} type @param {(event: any) => void} listener @param {AddEventListenerOptions} [more] */
    const on = (type, listener, more) =>
      element.addEventListener(type, (event) => options.measured(() => listener.call(this, event)), { signal, ...more });
    on('pointerdown', this.#down);
    on('pointermove', this.#move);
    on('pointerup', this.#up);
    on('pointercancel', this.#cancelled);
    on('lostpointercapture', this.#lost);
    on('pointerleave', this.#leave);
    on('wheel', this.#wheel, { passive: false });
    on('contextmenu', this.#contextMenu);
    // A double click is ours; the graph would open its search box.
    on('dblclick', (event) => event.stopPropagation());
    on('click', (event) => event.stopPropagation());
  }

  dispose() {
    clearTimeout(this.longPress);
    this.touches?.abort();
    this.listeners.abort();
  }

  /** Looks at the last place of the pointer; called once a frame. */
  flush() {
    const pointer = this.pending;
    if (!pointer) return;
    this.pending = null;
    if (this.gesture) this.gesture.move(this.#current(pointer));
    else if (this.last) this.#hover(pointer);
  }

  /** Looks again, as something changed under a pointer that stands still. */
  refresh() {
    if (this.last && !this.gesture) {
      this.pending = this.last;
      this.surface.redraw();
    }
  }

  /** @returns {boolean} whether a gesture was taken back */
  cancel() {
    if (!this.gesture) return false;
    this.gesture.cancel();
    this.gesture = null;
    this.pressed = -1;
    this.pending = null;
    return true;
  }

  /**
   * Modifier keys changed while the pointer stands still.
   * @param {KeyboardEvent} event
   */
  modifiers(event) {
    if (!this.last) return;
    const pointer = { ...this.last, shift: event.shiftKey, alt: event.altKey, mod: event.ctrlKey || event.metaKey };
    this.last = this.pending = pointer;
    this.surface.redraw();
  }

  /** @param {PointerEvent|WheelEvent|MouseEvent} event @returns {Pointer} */
  read(event) {
    const { element } = this.options;
    const rect = element.getBoundingClientRect();
    // The graph's zoom scales the node as a whole, so client pixels are not the stage's own.
    const x = (event.clientX - rect.left) * (element.clientWidth / (rect.width || 1));
    const y = (event.clientY - rect.top) * (element.clientHeight / (rect.height || 1));
    const [cx, cy] = this.surface.camera.toCanvas(x, y);
    return {
      x, y, cx, cy, time: event.timeStamp, shift: event.shiftKey, alt: event.altKey, mod: event.ctrlKey || event.metaKey,
      touch: 'pointerType' in event && event.pointerType === 'touch', double: false,
    };
  }

  /** @param {Pointer} pointer the same place under the camera as it is now */
  #current(pointer) {
    const [cx, cy] = this.surface.camera.toCanvas(pointer.x, pointer.y);
    return { ...pointer, cx, cy };
  }

  /** @param {Pointer} pointer */
  #hover(pointer) {
    if (this.surface.store.tool === 'pan' || this.panKey) {
      this.#clearMarks();
      this.surface.cursor('grab');
    } else TOOLS[this.surface.store.tool].hover(this.surface, this.#current(pointer));
  }

  #clearMarks() {
    const { marks } = this.surface;
    marks.hovered = -1;
    marks.promise = null;
    marks.readout = '';
    this.surface.redraw();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const { element, focused, forward } = this.options;
    if (event.button === 1 && !focused()) {
      this.forwarding = true;
      return forward(event);
    }
    event.stopPropagation();
    if (event.button === 1) event.preventDefault(); // no autoscroll
    if (event.pointerType === 'touch') {
      this.#keepTouches();
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (this.fingers.size === 2) return this.#beginPinch();
    }
    if (this.gesture || event.button > 1 || this.pinch || this.options.popped()) return;
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const pointer = this.read(event);
    pointer.double = event.timeStamp - this.lastPress.time < DOUBLE_MS &&
      Math.hypot(pointer.x - this.lastPress.x, pointer.y - this.lastPress.y) < DOUBLE_PX;
    this.lastPress = { time: pointer.double ? -Infinity : event.timeStamp, x: pointer.x, y: pointer.y };
    this.pressed = event.pointerId;
    this.last = pointer;
    const { surface } = this;
    surface.marks.promise = null;
    const pans = event.button === 1 || this.panKey || surface.store.tool === 'pan';
    this.gesture = pans ? this.#panning(pointer) : TOOLS[surface.store.tool].press(surface, pointer);
    if (event.pointerType === 'touch') this.#armLongPress(event, pointer);
    surface.redraw();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.forwarding) return this.options.forward(event);
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pinch) return this.#movePinch();
    if (this.gesture && event.pointerId !== this.pressed) return;
    if (event.buttons) event.stopPropagation();
    const pointer = this.read(event);
    if (this.last && Math.hypot(pointer.x - this.lastPress.x, pointer.y - this.lastPress.y) > LONG_PRESS_PX) clearTimeout(this.longPress);
    this.last = this.pending = pointer;
    if (this.gesture?.sample) {
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length ? all : [event]) this.gesture.sample(this.read(one));
    }
    this.surface.redraw();
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (this.forwarding) {
      this.forwarding = event.buttons !== 0;
      return this.options.forward(event);
    }
    clearTimeout(this.longPress);
    this.fingers.delete(event.pointerId);
    if (this.pinch) {
      if (this.fingers.size < 2) this.pinch = null;
      return;
    }
    if (!this.gesture || event.pointerId !== this.pressed) return;
    // The event goes on to the window, where ComfyUI looks for the end of an edit. Nodes do not act on it.
    const gesture = this.gesture;
    this.gesture = null;
    this.pressed = -1;
    const pointer = this.read(event);
    if (gesture.sample && this.pending) gesture.sample(pointer);
    this.pending = null;
    gesture.end(pointer);
    this.last = event.pointerType === 'touch' ? null : pointer;
    this.refresh();
    this.surface.redraw();
  }

  /** @param {PointerEvent} event */
  #cancelled(event) {
    clearTimeout(this.longPress);
    this.fingers.delete(event.pointerId);
    if (this.fingers.size < 2) this.pinch = null;
    if (event.pointerId === this.pressed) this.cancel();
    this.forwarding = false;
  }

  /** @param {PointerEvent} event */
  #lost(event) {
    if (event.pointerId === this.pressed) this.cancel();
  }

  #leave() {
    if (this.gesture) return;
    this.last = this.pending = null;
    this.#clearMarks();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (!this.options.focused()) return;
    event.preventDefault();
    event.stopPropagation();
    const pointer = this.read(event);
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const { camera } = this.surface;
    if (event.shiftKey) camera.panBy(-(event.deltaX || event.deltaY) * unit, event.deltaX ? -event.deltaY * unit : 0);
    else camera.zoomAt(pointer.x, pointer.y, Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)));
    this.last = this.pending = pointer;
    this.options.view();
  }

  /** @param {MouseEvent} event */
  #contextMenu(event) {
    event.preventDefault();
    event.stopPropagation();
    if (this.gesture) return;
    this.options.menu({ x: event.clientX, y: event.clientY }, this.read(event));
  }

  /**
   * @param {PointerEvent} event
   * @param {Pointer} pointer
   */
  #armLongPress(event, pointer) {
    clearTimeout(this.longPress);
    this.longPress = setTimeout(() => {
      if (this.fingers.size !== 1) return;
      this.cancel();
      this.options.menu({ x: event.clientX, y: event.clientY }, pointer);
    }, LONG_PRESS_MS);
  }

  /**
   * ComfyUI looks at touches in the capture phase above us and would zoom the graph with the same two fingers. So for
   * as long as a finger is on the stage its touch events (which come after the pointer events) end at the window.
   */
  #keepTouches() {
    if (this.touches) return;
    const listeners = this.touches = new AbortController();
    /** @param {TouchEvent} event */
    const keep = (event) => {
      if (event.composedPath().includes(this.options.element)) event.stopPropagation();
      if (event.touches.length) return;
      listeners.abort();
      this.touches = null;
    };
    for (const type of /** @type {const} */ (['touchstart', 'touchmove', 'touchend', 'touchcancel'])) {
      window.addEventListener(type, keep, { capture: true, passive: true, signal: listeners.signal });
    }
  }

  #beginPinch() {
    clearTimeout(this.longPress);
    this.cancel();
    this.pinch = { view: this.surface.camera.view, from: this.#spread() };
  }

  #movePinch() {
    if (!this.pinch || this.fingers.size < 2) return;
    this.surface.camera.pinch(this.pinch.view, this.pinch.from, this.#spread());
    this.options.view();
  }

  /** @returns {[number, number, number, number]} both fingers on the stage */
  #spread() {
    const { element } = this.options;
    const rect = element.getBoundingClientRect();
    const scale = element.clientWidth / (rect.width || 1);
    const [[ax, ay], [bx, by]] = [...this.fingers.values()];
    return [(ax - rect.left) * scale, (ay - rect.top) * scale, (bx - rect.left) * scale, (by - rect.top) * scale];
  }

  /**
   * @param {Pointer} start
   * @returns {Gesture}
   */
  #panning(start) {
    const { camera, cursor } = this.surface;
    const from = camera.view;
    let { x, y } = start;
    this.panned = true;
    cursor('grabbing');
    const move = (/** @type {Pointer} */ pointer) => {
      camera.panBy(pointer.x - x, pointer.y - y);
      [x, y] = [pointer.x, pointer.y];
      this.options.view();
    };
    return {
      move,
      end: move,
      cancel: () => {
        camera.view = from;
        this.options.view();
      },
    };
  }
}
