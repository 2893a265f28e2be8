// Pictures and videos: what a linked node loads, where the server shows it, and how a file gets into its input folder.

/** @import { Comfy, GraphNode } from './comfy.mjs' */

import { isOff, sourceOf } from './graph.mjs';

const PICTURE = /\.(png|jpe?g|webp|gif|bmp|avif)$/i;
const VIDEO = /\.(mp4|m4v|webm|mov|mkv|avi|ogv)$/i;
const FILE_WIDGETS = ['image', 'video', 'file'];
// What these put out looks like what they take in, but for its size.
const SEE_THROUGH = /^(GetVideoComponents|ImageScale\w*|ImageResize\w*|ResizeImage\w*|ImageFromBatch\w*)$/;
const INLINE = /^data:image\/(png|jpeg|webp|gif|avif);base64,/i;

/** @typedef {{ url: string, kind: 'image' | 'video' }} Media */

/**
 * A file's address from the way in which ComfyUI writes it, `folder/name.png [input]`. Whatever else stands there is
 * taken for a file's name: a workflow cannot make the page ask another server. Data URLs of pictures stay as they are.
 * @param {Comfy} comfy
 * @param {unknown} reference
 * @returns {string} empty if there is nothing to show
 */
export function addressOf({ api }, reference) {
  if (typeof reference !== 'string' || !reference.trim()) return '';
  if (INLINE.test(reference)) return reference;
  const [, path, type] = /** @type {RegExpExecArray} */ (/^(.*?)(?:\s*\[(input|output|temp)\])?$/s.exec(reference.trim()));
  const cut = path.lastIndexOf('/');
  return fileAddress(api, { filename: path.slice(cut + 1), subfolder: path.slice(0, Math.max(cut, 0)), type });
}

/**
 * @param {Comfy['api']} api
 * @param {{ filename: string, subfolder?: string, type?: string }} file as the server names it in results
 */
function fileAddress(api, { filename, subfolder = '', type = 'input' }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

/**
 * What is linked to an input, if a node that loads a file is at its beginning.
 * @param {Comfy} comfy
 * @param {GraphNode} node
 * @param {string} input
 * @param {readonly GraphNode[]} [via] the subgraph nodes that the node is seen through
 * @returns {Media | null}
 */
export function linkedMedia(comfy, node, input, via = []) {
  let source = sourceOf(node, input, via);
  for (let steps = 0; source && !source.widget && steps < 16; steps++) {
    const found = loadedMedia(comfy, source.node) ?? shownMedia(source.node);
    if (found) return found;
    if (!SEE_THROUGH.test(source.node.type ?? '')) return null;
    const { node: passing } = source;
    const through = passing.inputs?.find(({ type }, slot) => (type === 'IMAGE' || type === 'VIDEO') && passing.isInputConnected(slot));
    source = through ? sourceOf(passing, through.name, via) : null;
  }
  return null;
}

/**
 * @param {Comfy} comfy
 * @param {GraphNode} node
 * @returns {Media | null}
 */
function loadedMedia(comfy, node) {
  if (isOff(node)) return null;
  for (const name of FILE_WIDGETS) {
    const value = node.widgets?.find((widget) => widget.name === name)?.value;
    if (typeof value !== 'string') continue;
    const path = value.replace(/\s*\[\w+\]$/, '');
    const kind = PICTURE.test(path) ? 'image' : VIDEO.test(path) ? 'video' : null;
    // LoadImageOutput writes the folder behind the name, VHS leaves it to the node: both mean input unless told.
    if (kind) return { url: addressOf(comfy, value), kind };
  }
  return null;
}

/**
 * What a node shows on its face after a run.
 * @param {GraphNode} node
 * @returns {Media | null}
 */
function shownMedia(node) {
  const url = node.imgs?.[0]?.src;
  return url ? { url, kind: 'image' } : null;
}

/**
 * The picture among a node's results.
 * @param {Comfy} comfy
 * @param {unknown} results what `onExecuted` is given
 * @returns {Media | null}
 */
export function executedMedia({ api }, results) {
  const [file] = /** @type {{ images?: { filename?: unknown, subfolder?: string, type?: string }[] }} */ (results)?.images ?? [];
  if (typeof file?.filename !== 'string') return null;
  return { url: fileAddress(api, { ...file, filename: file.filename }), kind: 'image' };
}

/**
 * Puts a file into the server's input folder.
 * @param {Comfy} comfy
 * @param {Blob} file
 * @param {string} name
 * @returns {Promise<string>} `folder/name.png [input]`; the server may have changed the name
 */
export async function upload({ api }, file, name) {
  const body = new FormData();
  body.append('image', file, name);
  body.append('subfolder', 'tora2');
  const answer = await api.fetchApi('/upload/image', { method: 'POST', body });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`.trim());
  const stored = await answer.json();
  return `${stored.subfolder ? `${stored.subfolder}/` : ''}${stored.name} [${stored.type || 'input'}]`;
}
