// The node's own width, height, frames and fps: the canvas of the drawing, followed both ways.

/** @import { Comfy, GraphNode } from './comfy.mjs' */

import { settingWidget } from './graph.mjs';

/** @typedef {{ width: number, height: number, frames: number, fps: number }} Canvas */

/** @type {Canvas} the defaults of nodes/trajectories.py, for values that are only known by a run */
const DEFAULTS = { width: 720, height: 480, frames: 49, fps: 8 };
const NAMES = /** @type {(keyof Canvas)[]} */ (Object.keys(DEFAULTS));

/**
 * @param {GraphNode} node
 * @param {readonly GraphNode[]} [via] the subgraph nodes that the node is seen through
 * @returns {Canvas}
 */
export function readCanvas(node, via = []) {
  const canvas = { ...DEFAULTS };
  for (const name of NAMES) {
    const own = node.widgets?.find((widget) => widget.name === name);
    const value = [settingWidget(node, name, via)?.widget.value, own?.value].map(Number).find((number) => number > 0);
    if (value !== undefined && Number.isFinite(value)) canvas[name] = name === 'fps' ? value : Math.round(value);
  }
  return canvas;
}

/**
 * Sets what is given, at the primitive node where an input is linked to one.
 * @param {Comfy} comfy
 * @param {GraphNode} node
 * @param {Partial<Canvas>} canvas
 * @param {readonly GraphNode[]} [via]
 * @returns {(keyof Canvas)[]} those that a linked node computes: they cannot be set from here
 */
export function writeCanvas({ app }, node, canvas, via = []) {
  /** @type {(keyof Canvas)[]} */
  const fixed = [];
  for (const name of NAMES) {
    const wanted = canvas[name];
    if (wanted === undefined || !Number.isFinite(wanted)) continue;
    const own = node.widgets?.find((widget) => widget.name === name);
    const target = settingWidget(node, name, via);
    if (!target) {
      fixed.push(name);
      continue;
    }
    const { min = 1, max = 4096 } = /** @type {{ min?: number, max?: number }} */ (own?.options ?? {});
    const value = Math.min(Math.max(name === 'fps' ? wanted : Math.round(wanted), min), max);
    if (value === target.widget.value) continue;
    target.widget.value = value;
    target.widget.callback?.(value, app.canvas, target.node);
  }
  return fixed;
}

/**
 * The widgets whose callbacks tell of a change at once, wherever they are.
 * @param {GraphNode} node
 * @param {readonly GraphNode[]} [via]
 */
export function canvasWidgets(node, via = []) {
  const widgets = NAMES.flatMap((name) => {
    const own = node.widgets?.find((widget) => widget.name === name);
    return [own, settingWidget(node, name, via)?.widget].filter((widget) => widget !== undefined);
  });
  return [...new Set(widgets)];
}
