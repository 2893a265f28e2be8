// Names for the parts of ComfyUI's frontend that this folder touches. No code: the frontend hands its objects in.

/** @typedef {import('@comfyorg/comfyui-frontend-types').ComfyApp} ComfyApp */
/** @typedef {import('@comfyorg/comfyui-frontend-types').ComfyApi} ComfyApi */
/** @typedef {ComfyApp['graph']} Graph a root graph or the inside of a subgraph */
/** @typedef {NonNullable<NonNullable<ReturnType<Graph['getNodeById']>>['widgets']>[number]} Widget */
/** @typedef {Widget & { value: string }} TextWidget */

/**
 * The options of `addDOMWidget` that are in use here.
 * @typedef {object} DOMWidgetOptions
 * @property {() => string} getValue
 * @property {(value: unknown) => void} setValue workflows hold anything
 * @property {() => number} getMinHeight
 * @property {boolean} hideOnZoom
 * @property {boolean} hideInPanel
 */

/**
 * What ComfyUI gives every node beyond litegraph's; the published types leave it out.
 * @typedef {object} ComfyNodeParts
 * @property {(name: string, type: string, element: HTMLElement, options: DOMWidgetOptions) => TextWidget} [addDOMWidget]
 * @property {HTMLImageElement[]} [imgs] what the node shows on its face
 * @property {boolean} [hideOutputImages]
 * @property {(results: unknown) => void} [onExecuted]
 */
/** @typedef {NonNullable<ReturnType<Graph['getNodeById']>> & ComfyNodeParts} GraphNode */
/** @typedef {GraphNode & Required<Pick<ComfyNodeParts, 'addDOMWidget'>>} HostNode one that a widget can be put on */

/**
 * ComfyUI as the page has it.
 * @typedef {object} Comfy
 * @property {ComfyApp} app
 * @property {ComfyApi} api
 */

export {};
