// What the editor asks of the page it lives in (view/types.mjs: Host), answered by ComfyUI for one node.

/** @import { Host, HostChange } from '../view/types.mjs' */
/** @import { Comfy, GraphNode, Widget } from './comfy.mjs' */
/** @import { Media } from './media.mjs' */

import { canvasWidgets, readCanvas, writeCanvas } from './canvas.mjs';
import { join } from './chain.mjs';
import { entitiesAround } from './entities.mjs';
import { addressOf, executedMedia, linkedMedia, upload } from './media.mjs';
import { text } from './texts.mjs';
import { isDark, watchTheme } from './theme.mjs';
import { runForKey } from './undo.mjs';

const SEVERITY = /** @type {const} */ ({ info: 'info', warn: 'warn', error: 'error' });
const NOTICE_MS = 6000;
const BACKGROUND_INPUT = 'background';

/** @implements {Host} */
export class NodeHost {
  /** @type {Comfy} */ #comfy;
  /** @type {GraphNode} */ #node;
  /** @type {HTMLElement} */ #element;
  /** @type {(text: string) => void} */ #commit;
  /** @type {Media | null} the picture that the last run sent */ #executed = null;
  /** @type {Set<(what: HostChange) => void>} */ #listeners = new Set();
  /** @type {Map<HostChange, string>} */ #known = new Map();
  /** @type {(() => void)[]} */ #leave = [];
  /** @type {readonly GraphNode[]} the subgraph nodes that the node is edited through */ #via = [];
  /** @type {Widget[]} whose callbacks are heard */ #followed = [];
  /** @type {(() => void)[]} */ #leaveCanvas = [];

  /**
   * @param {Comfy} comfy
   * @param {GraphNode} node
   * @param {HTMLElement} element the editor's place, whose background is the palette's
   * @param {(text: string) => void} commit
   */
  constructor(comfy, node, element, commit) {
    this.#comfy = comfy;
    this.#node = node;
    this.#element = element;
    this.#commit = commit;
  }

  /**
   * A subgraph may stand in several places, each with values of its own.
   * @param {readonly GraphNode[]} via
   */
  seeThrough(via) {
    this.#via = via;
    if (this.#leave.length) this.#look();
  }

  /** Begin to watch the graph. */
  start() {
    if (this.#leave.length) return;
    const look = () => this.#look();
    const { api } = this.#comfy;
    // ComfyUI tells of every change of the graph, whoever made it; a glance when the user comes covers the rest.
    api.addEventListener('graphChanged', look);
    this.#element.addEventListener('pointerenter', look);
    this.#element.addEventListener('focusin', look);
    this.#leave = [
      () => api.removeEventListener('graphChanged', look),
      () => this.#element.removeEventListener('pointerenter', look),
      () => this.#element.removeEventListener('focusin', look),
      watchTheme(look),
      join(this.#node, 'onConnectionsChange', (type, slot, connected) => this.#connected(slot, connected)),
      join(this.#node, 'onExecuted', (results) => this.#ran(results)),
    ];
    this.#look();
  }

  /** Leave no listener behind. */
  stop() {
    for (const leave of [...this.#leave, ...this.#leaveCanvas]) leave();
    this.#leave = [];
    this.#leaveCanvas = [];
    this.#followed = [];
  }

  entities() {
    return entitiesAround(this.#comfy, this.#node);
  }

  canvas() {
    return readCanvas(this.#node, this.#via);
  }

  /** @param {Parameters<Host['setCanvas']>[0]} canvas */
  setCanvas(canvas) {
    const fixed = writeCanvas(this.#comfy, this.#node, canvas, this.#via);
    if (fixed.length) this.notify('warn', this.text('host.linked', { names: fixed.join(', ') }));
    this.#look();
  }

  background() {
    return linkedMedia(this.#comfy, this.#node, BACKGROUND_INPUT, this.#via) ?? this.#executed;
  }

  /** @param {string} reference */
  resolveImage(reference) {
    return addressOf(this.#comfy, reference);
  }

  /**
   * @param {Blob} file
   * @param {string} name
   */
  upload(file, name) {
    return upload(this.#comfy, file, name);
  }

  /** @param {string} value */
  commit(value) {
    this.#commit(value);
  }

  /** @param {() => void} run */
  historyKey(run) {
    return runForKey(this.#comfy, run);
  }

  /**
   * @param {string} key
   * @param {Record<string, string | number>} [values]
   */
  text(key, values) {
    return text(this.#comfy, key, values);
  }

  /**
   * @param {'info' | 'warn' | 'error'} level
   * @param {string} message
   */
  notify(level, message) {
    this.#comfy.app.extensionManager.toast.add({
      severity: SEVERITY[level],
      summary: this.#node.title || 'Tora2',
      detail: message,
      life: NOTICE_MS,
    });
  }

  isDark() {
    return isDark(this.#element);
  }

  /** @param {(what: HostChange) => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @param {PointerEvent | WheelEvent} event */
  forwardPan(event) {
    const canvas = this.#comfy.app.canvas;
    if (event.type === 'wheel') canvas.processMouseWheel(/** @type {WheelEvent} */ (event));
    else if (event.type === 'pointerdown') canvas.processMouseDown(/** @type {PointerEvent} */ (event));
    else if (event.type === 'pointermove') canvas.processMouseMove(/** @type {PointerEvent} */ (event));
    else canvas.processMouseUp(/** @type {PointerEvent} */ (event));
  }

  /**
   * @param {number} slot
   * @param {boolean} connected
   */
  #connected(slot, connected) {
    if (this.#node.inputs?.[slot]?.name === BACKGROUND_INPUT) this.#executed = null; // it showed what was linked then
    // The link is in the graph only after this hook, and while a workflow loads its neighbours are still to come.
    if (connected || this.#executed === null) setTimeout(() => this.#leave.length && this.#look());
  }

  /** @param {unknown} results */
  #ran(results) {
    this.#executed = executedMedia(this.#comfy, results);
    this.#look();
  }

  /** Tell the editor of whatever is different from the last look. */
  #look() {
    this.#followCanvas();
    /** @type {[HostChange, unknown][]} */
    const now = [
      ['canvas', this.canvas()],
      ['entities', this.entities()],
      ['background', this.background()],
      ['theme', this.isDark()],
    ];
    for (const [what, state] of now) {
      const seen = JSON.stringify(state);
      if (this.#known.get(what) === seen) continue;
      const first = !this.#known.has(what);
      this.#known.set(what, seen);
      if (!first) for (const listener of this.#listeners) listener(what);
    }
  }

  /**
   * A number that is being dragged tells its own callback at once, the graph only at the end. Two editors may hear one
   * number, and whoever joined first cannot unhook: so nobody leaves and joins again without need.
   */
  #followCanvas() {
    const widgets = canvasWidgets(this.#node, this.#via);
    if (widgets.length === this.#followed.length && widgets.every((widget, i) => widget === this.#followed[i])) return;
    for (const leave of this.#leaveCanvas) leave();
    this.#followed = widgets;
    this.#leaveCanvas = widgets.map((widget) => join(widget, 'callback', () => this.#look()));
  }
}
