/**
 * The picture behind the drawing: one that the user chose (its reference is kept in the document), or else what is linked
 * to the node. A video shows the frame of the playhead, or a chosen one.
 */

/** @typedef {import('./types.mjs').Store} Store */
/** @typedef {import('./types.mjs').Host} Host */
/** @typedef {import('./types.mjs').Document} Document */

/** @typedef {'contain'|'cover'|'stretch'} Fit */
/** @typedef {{image: string|null, opacity: number, fit: Fit, frame: number|null, hidden: boolean}} BackgroundSettings */

const FITS = ['contain', 'cover', 'stretch'];
const EMBEDDED = /^data:image\/(?:png|jpeg|webp|gif|avif);base64,/;
export const DEFAULT_OPACITY = 0.6;
/** What tora2/stages/motion.py makes: sides in multiples of this (SIZE_MULTIPLE) */
const SIDE_STEP = 16;
/** and what the inputs of nodes/trajectories.py take at most. */
const LONGEST_SIDE = 4096;

/**
 * A canvas as large as a picture, or the largest of its shape that there can be.
 * @param {{width: number, height: number}} size
 */
export function canvasLike({ width, height }) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  /** @param {number} side */
  const taken = (side) => Math.max(SIDE_STEP, Math.round((side * scale) / SIDE_STEP) * SIDE_STEP);
  return { width: taken(width), height: taken(height) };
}

/**
 * What a document says about its background, whatever strangers may have written there.
 * @param {Document} document
 * @returns {BackgroundSettings}
 */
export function backgroundOf(document) {
  const editor = /** @type {any} */ (document.editor);
  const found = typeof editor === 'object' && editor !== null ? editor.background : null;
  const given = typeof found === 'object' && found !== null ? found : {};
  const { image, opacity, fit, frame, hidden } = given;
  return {
    image: typeof image === 'string' && image !== '' ? image : null,
    opacity: typeof opacity === 'number' && opacity >= 0 && opacity <= 1 ? opacity : DEFAULT_OPACITY,
    fit: FITS.includes(fit) ? fit : 'contain',
    frame: typeof frame === 'number' && frame >= 0 ? frame : null,
    hidden: hidden === true,
  };
}

/**
 * @param {Document} document
 * @param {Partial<BackgroundSettings>} changes
 * @returns {Document}
 */
export function withBackground(document, changes) {
  const old = /** @type {any} */ (document.editor);
  const editor = typeof old === 'object' && old !== null && !Array.isArray(old) ? old : {};
  const next = { ...backgroundOf(document), ...changes };
  /** @type {Record<string, unknown>} what is as usual is not written */
  const background = {};
  if (next.image !== null) background.image = next.image;
  if (next.opacity !== DEFAULT_OPACITY) background.opacity = next.opacity;
  if (next.fit !== 'contain') background.fit = next.fit;
  if (next.frame !== null) background.frame = next.frame;
  if (next.hidden) background.hidden = true;
  const { background: _, ...others } = editor;
  const kept = Object.keys(background).length ? { ...others, background } : others;
  const { editor: __, ...rest } = document;
  return /** @type {Document} */ (Object.keys(kept).length ? { ...rest, editor: kept } : rest);
}

export class Background {
  /**
   * @param {Store} store
   * @param {Host} host
   * @param {() => void} changed a picture came, went or moved on
   */
  constructor(store, host, changed) {
    this.store = store;
    this.host = host;
    this.changed = changed;
    /** @type {HTMLImageElement|HTMLVideoElement|null} */
    this.source = null;
    this.url = '';
    this.failed = false;
    this.wantedTime = 0;
    this.look();
  }

  /** Looks again at what there is to show. */
  look() {
    const { image } = backgroundOf(this.store.document);
    const linked = image === null ? this.host.background() : null;
    const url = image === null ? linked?.url ?? '' : EMBEDDED.test(image) ? image : image.startsWith('data:') ? '' : this.host.resolveImage(image);
    if (url === this.url) return;
    this.#release();
    this.url = url;
    if (url) this.source = linked?.kind === 'video' ? this.#video(url) : this.#image(url);
    this.changed();
  }

  /** Where the picture is from: what the user chose comes before what is linked. */
  get origin() {
    if (!this.url) return 'none';
    return backgroundOf(this.store.document).image === null ? 'linked' : 'chosen';
  }

  get isVideo() {
    return this.source instanceof HTMLVideoElement;
  }

  /** @returns {{width: number, height: number}|null} of the picture itself */
  get size() {
    const { source } = this;
    if (source instanceof HTMLImageElement && source.complete && source.naturalWidth) {
      return { width: source.naturalWidth, height: source.naturalHeight };
    }
    if (source instanceof HTMLVideoElement && source.videoWidth) return { width: source.videoWidth, height: source.videoHeight };
    return null;
  }

  /** @returns {import('./stage/ground.mjs').Ground['picture']} */
  picture() {
    const { opacity, fit, hidden } = backgroundOf(this.store.document);
    const { size, source } = this;
    if (!size || !source || hidden || (source instanceof HTMLVideoElement && source.readyState < 2)) return null;
    return { image: source, ...size, opacity, fit };
  }

  /**
   * A video goes to the playhead.
   * @param {number} frame
   */
  seek(frame) {
    const { source } = this;
    if (!(source instanceof HTMLVideoElement) || !source.duration) return;
    const { fps } = this.store.document;
    const at = ((backgroundOf(this.store.document).frame ?? frame) + 0.5) / fps;
    this.wantedTime = Math.min(at, Math.max(source.duration - 0.01, 0));
    // Browsers drop seeks that come faster than they can show them; the next one starts when this one is shown.
    if (!source.seeking && Math.abs(source.currentTime - this.wantedTime) > 0.4 / fps) source.currentTime = this.wantedTime;
  }

  dispose() {
    this.#release();
  }

  #release() {
    const { source } = this;
    if (!source) return;
    source.onload = source.onerror = source.onloadeddata = source.onseeked = null;
    if (source instanceof HTMLVideoElement) {
      source.removeAttribute('src');
      source.load();
    }
    this.source = null;
    this.failed = false;
  }

  /** @param {string} url */
  #image(url) {
    const image = new Image();
    image.onload = () => this.changed();
    image.onerror = () => this.#fail();
    image.src = url;
    return image;
  }

  /** @param {string} url */
  #video(url) {
    const video = document.createElement('video');
    video.muted = true;
    video.playsInline = true;
    video.preload = 'auto';
    video.onloadeddata = () => {
      this.seek(this.store.frame);
      this.changed();
    };
    video.onseeked = () => {
      this.changed();
      if (Math.abs(video.currentTime - this.wantedTime) > 0.6 / this.store.document.fps) video.currentTime = this.wantedTime;
    };
    video.onerror = () => this.#fail();
    video.src = url;
    return video;
  }

  #fail() {
    this.failed = true;
    this.changed();
  }
}
