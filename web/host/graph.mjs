// Where links come from, through reroutes, bypassed nodes and the borders of subgraphs, without running the graph.

/** @import { Graph, GraphNode, Widget } from './comfy.mjs' */

const SUBGRAPH_INPUTS = -10; // the node id that links from a subgraph's own inputs carry, in workflow files too
const MUTED = 2;
const BYPASSED = 4;
const DEEPEST = 64; // a chain longer than this is a circle

/**
 * An output that a link starts from, or, where an input of the surrounding subgraph is not linked, the widget that
 * gives its value there.
 * @typedef {{ node: GraphNode, slot: number, widget?: undefined } | { node: GraphNode, slot: -1, widget: Widget }} Source
 */

/**
 * How a source is looked for: by now so many steps far, and through which subgraph nodes, where one subgraph stands in
 * several places.
 * @typedef {{ depth: number, via: readonly GraphNode[] }} Way
 */

/** @param {GraphNode} node whether a run leaves this node out */
export function isOff(node) {
  return node.mode === MUTED || node.mode === BYPASSED;
}

/**
 * Every node of a graph and of the subgraphs that stand in it, each subgraph once.
 * @param {Graph} graph
 * @param {Set<unknown>} [seen]
 * @returns {Generator<GraphNode>}
 */
export function* nodesWithin(graph, seen = new Set()) {
  if (seen.has(graph.id)) return;
  seen.add(graph.id);
  for (const node of graph.nodes ?? []) {
    yield node;
    if (node.isSubgraphNode?.() && !isOff(node)) yield* nodesWithin(node.subgraph, seen);
  }
}

/**
 * The outermost graph that a node stands in; null for a node that stands nowhere.
 * @param {GraphNode} node
 * @returns {Graph | null}
 */
export function rootOf(node) {
  return node.graph?.rootGraph ?? node.graph ?? null;
}

/**
 * What an input of this name is linked to; null if it is not, or if that node is muted.
 * @param {GraphNode} node
 * @param {string} name
 * @param {readonly GraphNode[]} [via] the subgraph nodes that the node is seen through
 * @returns {Source | null}
 */
export function sourceOf(node, name, via = []) {
  const slot = (node.inputs ?? []).findIndex((input) => input.name === name);
  return slot < 0 ? null : sourceOfSlot(node, slot, { depth: 0, via });
}

/**
 * @param {GraphNode} node
 * @param {number} slot
 * @param {Way} way
 * @returns {Source | null}
 */
function sourceOfSlot(node, slot, { depth, via }) {
  if (!node.graph || depth > DEEPEST) return null;
  return follow(node.graph, linkInto(node, slot), { depth: depth + 1, via });
}

/**
 * The link into an input where the node stands. A subgraph node's own getInputLink speaks of its inside.
 * @param {GraphNode} node
 * @param {number} slot
 */
function linkInto(node, slot) {
  if (!node.isSubgraphNode?.()) return node.getInputLink(slot);
  const id = node.inputs?.[slot]?.link;
  return id == null ? null : node.graph?.getLink(id);
}

/**
 * @param {Graph} graph
 * @param {ReturnType<GraphNode['getInputLink']> | undefined} link
 * @param {Way} way
 * @returns {Source | null}
 */
function follow(graph, link, way) {
  if (!link || way.depth > DEEPEST) return null;
  if (Number(link.origin_id) === SUBGRAPH_INPUTS) return outside(graph, link.origin_slot, way);
  const node = graph.getNodeById(link.origin_id);
  if (!node || node.mode === MUTED) return null;
  if (node.mode === BYPASSED) return throughBypassed(node, link.origin_slot, way);
  if (node.isSubgraphNode?.()) {
    const inner = node.subgraph.outputs?.[link.origin_slot]?.linkIds?.[0];
    const within = { depth: way.depth + 1, via: [...way.via, node] };
    return inner == null ? null : follow(node.subgraph, node.subgraph.getLink(inner), within);
  }
  if (node.type === 'Reroute') return sourceOfSlot(node, 0, way);
  return { node, slot: link.origin_slot };
}

/**
 * From a subgraph's input to whatever feeds it where the subgraph stands. If it stands in several places, the one
 * on the way counts, or else the first.
 * @param {Graph} graph
 * @param {number} slot
 * @param {Way} way
 * @returns {Source | null}
 */
function outside(graph, slot, way) {
  const passed = way.via.find((node) => node.isSubgraphNode?.() && node.subgraph.id === graph.id);
  for (const node of passed ? [passed] : nodesWithin(graph.rootGraph)) {
    if (!node.isSubgraphNode?.() || node.subgraph.id !== graph.id) continue;
    const linked = sourceOfSlot(node, slot, way);
    if (linked) return linked;
    const input = node.inputs?.[slot];
    const widget = input && node.getWidgetFromSlot(input);
    return widget ? { node, slot: -1, widget } : null;
  }
  return null;
}

/**
 * A bypassed node passes on its input of the same type, first the one at the same place.
 * @param {GraphNode} node
 * @param {number} slot
 * @param {Way} way
 * @returns {Source | null}
 */
function throughBypassed(node, slot, way) {
  const type = node.outputs?.[slot]?.type;
  const places = [slot, ...(node.inputs ?? []).keys()];
  const place = places.find((index) => node.inputs?.[index]?.type === type && node.isInputConnected(index));
  return place === undefined ? null : sourceOfSlot(node, place, way);
}

/**
 * @param {GraphNode} node
 * @param {string} name
 */
export function isLinked(node, name) {
  const slot = (node.inputs ?? []).findIndex((input) => input.name === name);
  return slot >= 0 && node.isInputConnected(slot);
}

/**
 * The widget that really sets an input's value: the node's own, or, if the input is linked, that of the primitive node
 * or subgraph it is linked to. Null if the value is only known by running the graph.
 * @param {GraphNode} node
 * @param {string} name
 * @param {readonly GraphNode[]} [via] the subgraph nodes that the node is seen through
 * @returns {{ node: GraphNode, widget: Widget } | null}
 */
export function settingWidget(node, name, via = []) {
  if (!isLinked(node, name)) {
    const widget = node.widgets?.find((candidate) => candidate.name === name);
    return widget ? { node, widget } : null;
  }
  const source = sourceOf(node, name, via);
  if (!source) return null;
  if (source.widget) return { node: source.node, widget: source.widget };
  const widget = source.node.widgets?.[0];
  return widget && /^Primitive/.test(source.node.type ?? '') ? { node: source.node, widget } : null;
}
