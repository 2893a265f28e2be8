// The Tora2Entity nodes of the whole workflow: whom the tracks are for.

/** @import { Comfy, GraphNode } from './comfy.mjs' */

import { isOff, nodesWithin, rootOf, settingWidget } from './graph.mjs';
import { linkedMedia } from './media.mjs';

/**
 * @typedef {object} HostEntity
 * @property {string} name the track it follows: its `track`, or the phrase if that is empty (as in tora2/conditions.py)
 * @property {string} phrase
 * @property {string | null} thumbnail address of its reference picture
 * @property {string} node which node it is, unique in the workflow
 */

/**
 * @param {Comfy} comfy
 * @param {GraphNode} node any node of the workflow
 * @returns {HostEntity[]} in the order of the graph; muted and bypassed nodes left out
 */
export function entitiesAround(comfy, node) {
  const root = rootOf(node);
  const found = [];
  for (const other of root ? nodesWithin(root) : []) {
    if (other.type !== 'Tora2Entity' || isOff(other)) continue;
    const phrase = textOf(other, 'phrase');
    const name = textOf(other, 'track') || phrase;
    const picture = linkedMedia(comfy, other, 'image');
    if (name) {
      const thumbnail = picture?.kind === 'image' ? picture.url : null;
      found.push({ name, phrase, thumbnail, node: `${other.graph?.id ?? ''}:${other.id}` });
    }
  }
  return found;
}

/**
 * @param {GraphNode} node
 * @param {string} name
 */
function textOf(node, name) {
  const value = settingWidget(node, name)?.widget.value;
  return typeof value === 'string' ? value.trim() : '';
}
