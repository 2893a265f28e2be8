// Drawings that a subgraph node gives to an editor inside it: then the value that runs is the subgraph node's.

/** @import { Graph, GraphNode, Widget } from './comfy.mjs' */

import { nodesWithin, rootOf } from './graph.mjs';

/**
 * @typedef {object} Promoted
 * @property {GraphNode} node the editor's node
 * @property {readonly GraphNode[]} via the subgraph nodes around it, the outermost first
 * @property {Widget | null} widget of the outermost one, whose value is what runs; null where older frontends show and run the
 *   editor's own there
 */

/**
 * @param {GraphNode} node
 * @param {string} name of the editors' input
 * @returns {Promoted[]} none unless it is a subgraph node that sets a drawing
 */
export function promotedOf(node, name) {
  if (!node.isSubgraphNode?.()) return [];
  return (node.inputs ?? []).flatMap((input, slot) => {
    const widget = input.link == null && node.getWidgetFromSlot(input);
    if (!widget) return [];
    const own = 'sourceWidgetName' in widget ? null : widget;
    return [...takers(node.subgraph, slot, name, [node])].map((taker) => ({ ...taker, widget: own }));
  });
}

/**
 * The subgraph nodes that set this node's drawing, each to a value of its own.
 * @param {GraphNode} node
 * @param {string} name
 */
export function promotionsOf(node, name) {
  const root = rootOf(node);
  const hosts = root && root !== node.graph ? [...nodesWithin(root)] : [];
  return hosts.flatMap((host) => promotedOf(host, name)).filter(({ node: inner, widget }) => inner === node && widget);
}

/**
 * The nodes that take a subgraph's input under this name.
 * @param {Graph & { inputs?: { linkIds?: readonly unknown[] }[] }} subgraph
 * @param {number} slot
 * @param {string} name
 * @param {readonly GraphNode[]} via
 * @returns {Generator<{ node: GraphNode, via: readonly GraphNode[] }>}
 */
function* takers(subgraph, slot, name, via) {
  for (const id of subgraph.inputs?.[slot]?.linkIds ?? []) {
    const link = subgraph.getLink(/** @type {Parameters<Graph['getLink']>[0]} */ (id));
    const node = link && subgraph.getNodeById(link.target_id);
    if (!link || !node) continue;
    if (node.isSubgraphNode?.()) yield* takers(node.subgraph, link.target_slot, name, [...via, node]);
    else if (node.inputs?.[link.target_slot]?.name === name) yield { node, via };
  }
}
