// The widget on the node: a place in the page, one string as its value, and the editor that comes when it is first seen.

/** @import { Comfy, GraphNode, HostNode } from './comfy.mjs' */
/** @import { Promoted } from './promoted.mjs' */

import { aside } from './aside.mjs';
import { join } from './chain.mjs';
import { isLinked } from './graph.mjs';
import { NodeHost } from './host.mjs';
import { promotionsOf } from './promoted.mjs';
import { firstOptions, minHeight } from './settings.mjs';
import { loadTexts } from './texts.mjs';
import { asGraphStep, ownHistory } from './undo.mjs';

/** The name in nodes/trajectories.py. No widget of ComfyUI's own may ever be called so, or Nodes 2.0 would take that. */
export const WIDGET_TYPE = 'TORA2_TRAJECTORY';
const MIN_WIDTH = 460;
const BELOW_AND_ABOVE = 260; // the node's title, sockets and four number widgets

/** @typedef {import('../view/editor.mjs')['createEditor']} CreateEditor */

const IDLE_MS = 150; // the longest that an editor waits for an idle page
const TAKE_OVER_MS = [0, 100, 500]; // Nodes 2.0 draws nodes anew within a few animation frames

/** The editor that is being made; the next one waits for it. */
let turn = Promise.resolve();

/** @type {WeakMap<GraphNode, DrawingWidget>} */
const widgets = new WeakMap();

/** @type {Map<HTMLElement, string>} places of editors that are gone, as long as they are in the page -> the node's id */
const abandoned = new Map();

/** @param {GraphNode} node */
export function drawingWidgetOf(node) {
  return widgets.get(node);
}

/**
 * ComfyUI's constructor of the widget.
 * @param {Comfy} comfy
 */
export function widgetConstructor(comfy) {
  /**
   * @param {HostNode} node
   * @param {string} name
   * @param {[unknown, { default?: unknown }?]} spec
   */
  return (node, name, [, { default: first } = {}]) => {
    const drawing = new DrawingWidget(comfy, node, name, asText(first));
    widgets.set(node, drawing);
    return { widget: drawing.widget, minWidth: MIN_WIDTH, minHeight: minHeight(comfy) + BELOW_AND_ABOVE };
  };
}

/**
 * Workflows are written by strangers: whatever stands where the drawing should be is kept as text, and the editor says
 * what is wrong with it.
 * @param {unknown} value
 */
function asText(value) {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return String(value);
  }
}

/**
 * ComfyUI keeps a value of its own beside every widget's, and older frontends send that one for a widget that stands on
 * a subgraph node. The accessor of the class at the bottom leads to it; the one above asks our getValue.
 * @param {object} widget
 * @param {string} text
 */
function remember(widget, text) {
  let lowest;
  for (let part = Object.getPrototypeOf(widget); part; part = Object.getPrototypeOf(part)) {
    lowest = Object.getOwnPropertyDescriptor(part, 'value') ?? lowest;
  }
  lowest?.set?.call(widget, text);
}

export class DrawingWidget {
  /** @type {Comfy} */ #comfy;
  /** @type {HTMLElement} */ #element;
  /** @type {HostNode} */ #node;
  /** @type {NodeHost} */ #host;
  /** @type {Promoted | null} whose value is edited instead of the node's own */ #promoted = null;
  /** @type {(() => void) | null} ends the large window of an editor that is not on the screen */ #putBack = null;
  /** @type {string} what workflow and prompt hold; the editor, if there is one, shows the same */ #text;
  /** @type {ReturnType<CreateEditor> | null} */ #editor = null;
  /** @type {Promise<void> | null} */ #coming = null;
  /** @type {ResizeObserver | null} */ #observer = null;

  /**
   * @param {Comfy} comfy
   * @param {HostNode} node
   * @param {string} name of the input
   * @param {string} first value of a new node
   */
  constructor(comfy, node, name, first) {
    this.#comfy = comfy;
    this.#node = node;
    this.#text = first;
    this.#element = place(minHeight(comfy));
    ownHistory(this.#element);
    this.#host = new NodeHost(comfy, node, this.#element, (text) => this.#commit(text));
    this.widget = node.addDOMWidget(name, WIDGET_TYPE, this.#element, {
      getValue: () => this.#text,
      setValue: (value) => this.#receive(asText(value)),
      getMinHeight: () => minHeight(comfy),
      hideOnZoom: false,
      hideInPanel: true,
    });
    this.widget.tooltip = ' '; // likewise Nodes 2.0's, which falls back on the long one only if there is none
    join(node, 'onAdded', () => this.#start());
    join(node, 'onRemoved', () => this.#stop());
    if (node.graph) this.#start();
  }

  /** The editor, for measurements and scripts; null as long as nobody has seen the node. */
  get editor() {
    return this.#editor;
  }

  /**
   * The large window, from the node's menu or a command. An editor whose drawing comes from a subgraph's input is on no
   * node: ComfyUI shows a widget neither there nor, unless it is plain text, on the subgraph node.
   * @param {Promoted} [promoted] the subgraph node that it is opened from
   */
  async openLarge(promoted) {
    const around = promoted ? [promoted] : promotionsOf(this.#node, this.widget.name);
    if (around.length > 1) return this.#host.notify('info', this.#host.text('host.promoted'));
    const shown = this.#element.getClientRects().length > 0;
    if (!around.length && !shown && isLinked(this.#node, this.widget.name)) {
      return this.#host.notify('info', this.#host.text('host.linked', { names: this.widget.name }));
    }
    this.#edit(around[0]?.widget ? around[0] : null);
    await this.#come();
    if (!this.#editor || this.#putBack) return;
    if (!shown) this.#putBack = aside(this.#element, this.#comfy.app.canvas.canvas);
    this.#editor.openLarge(() => {
      this.#putBack?.();
      this.#putBack = null;
    });
  }

  /** What workflow and prompt hold of the drawing that is edited. */
  get #current() {
    return this.#promoted?.widget ? asText(this.#promoted.widget.value) : this.#text;
  }

  /** @param {Promoted | null} promoted */
  #edit(promoted) {
    this.#promoted = promoted;
    this.#host.seeThrough(promoted?.via ?? []);
    if (this.#editor && this.#editor.value !== this.#current) this.#editor.value = this.#current;
  }

  /** @param {string} text an edit by the user */
  #commit(text) {
    if (text === this.#current) return;
    asGraphStep(this.#comfy, () => {
      const { widget, via } = this.#promoted ?? {};
      if (widget) {
        widget.value = text;
        widget.callback?.(text, this.#comfy.app.canvas, via?.[0]);
      } else {
        this.#text = text;
        remember(this.widget, text);
        this.widget.callback?.(text);
      }
    });
  }

  /** @param {string} text from a workflow, a copied node, the graph's undo or a script */
  #receive(text) {
    this.#text = text;
    if (this.widget) remember(this.widget, text);
    if (!this.#promoted && this.#editor && this.#editor.value !== text) this.#editor.value = text;
  }

  #start() {
    if (this.#observer) return;
    abandoned.delete(this.#element);
    this.#observer = new ResizeObserver(([{ contentRect }]) => {
      if (!contentRect.width || !contentRect.height) return; // collapsed, or out of view
      if (this.#promoted && !this.#putBack) this.#edit(null); // it is on its node again
      if (this.#editor) this.#editor.relayout();
      else void this.#come();
    });
    this.#observer.observe(this.#element);
    for (const delay of TAKE_OVER_MS) setTimeout(() => this.#takeOver(), delay);
  }

  /**
   * Nodes 2.0 puts a widget's element into the page once and keeps it there if another node with the same id follows, as
   * it does after an undo of the graph: the element of a node that is gone makes room for that of its successor.
   */
  #takeOver() {
    const shown = this.#observer && this.#node.graph === this.#comfy.app.canvas?.graph;
    for (const [element, id] of abandoned) {
      if (!element.isConnected) abandoned.delete(element);
      else if (shown && !this.#element.isConnected && id === String(this.#node.id)) element.replaceWith(this.#element);
    }
  }

  /** The node left the graph; it may come back, so the drawing stays. */
  #stop() {
    this.#observer?.disconnect();
    this.#observer = null;
    this.#host.stop();
    this.#editor?.dispose();
    this.#putBack?.();
    this.#putBack = null;
    this.#promoted = null;
    this.#host.seeThrough([]);
    this.#editor = null;
    this.#coming = null;
    this.#element.replaceChildren();
    abandoned.set(this.#element, String(this.#node.id));
    setTimeout(() => this.#element.isConnected || abandoned.delete(this.#element), 2000);
  }

  /** Only a drawing that is seen costs anything: the editor's code loads with the first of them. */
  #come() {
    this.#coming ??= (async () => {
      const until = this.#observer;
      try {
        const [{ createEditor }] = await Promise.all([import('../view/editor.mjs'), loadTexts(this.#comfy)]);
        await myTurn();
        if (!until || this.#observer !== until) return; // the node was removed meanwhile
        this.#host.start();
        this.#editor = createEditor(this.#element, this.#host);
        this.#editor.store.set({ options: firstOptions(this.#comfy) });
        this.#editor.value = this.#current;
      } catch (error) {
        console.error('Tora2: the trajectory editor could not be made.', error);
        this.#element.textContent = this.#host.text('host.broken');
      }
    })();
    return this.#coming;
  }
}

/** One after another, each when the page has nothing more urgent to do: a workflow of many editors opens at once. */
function myTurn() {
  turn = turn.then(() => new Promise((come) => {
    if (typeof requestIdleCallback === 'function') requestIdleCallback(() => come(), { timeout: IDLE_MS });
    else setTimeout(come);
  }));
  return turn;
}

/** @param {number} height the least, in pixels */
function place(height) {
  const element = document.createElement('div');
  element.className = 'tora2-trajectory-editor';
  element.title = ''; // else the input's explanation pops up wherever the pointer rests on the drawing
  element.dataset.captureWheel = 'true'; // Nodes 2.0 leaves the wheel to elements that say so
  Object.assign(element.style, {
    boxSizing: 'border-box',
    minHeight: `${height}px`,
    // Its size is the node's affair alone: content that grew with it would make the node grow without end.
    contain: 'layout size',
    position: 'relative',
    overflow: 'hidden',
    background: 'var(--comfy-menu-bg, #353535)',
    color: 'var(--input-text, #ddd)',
    borderRadius: '6px',
  });
  return element;
}
