/**
 * What part of the drawing is on the screen. Screen: CSS pixels from the stage's upper left corner, before any scaling
 * of the page (a node in a zoomed graph is scaled as a whole). Canvas: pixels of the document's canvas.
 */

/** @typedef {{scale: number, x: number, y: number}} View screen = canvas * scale + (x, y) */

const LEAST_SCALE = 0.02;
const LARGEST_SCALE = 32;
const MARGIN = 14;

export class Camera {
  constructor() {
    this.width = 1;
    this.height = 1;
    /** Device pixels a CSS pixel, the page's own scaling of the stage included. */
    this.ratio = 1;
    /** @type {View} */
    this.view = { scale: 1, x: 0, y: 0 };
    /** Whether the view follows the stage's size until the user zooms or pans. */
    this.fitted = true;
    this.canvas = { width: 1, height: 1 };
  }

  /**
   * @param {number} width
   * @param {number} height
   * @param {number} ratio
   * @returns {boolean} whether anything changed
   */
  resize(width, height, ratio) {
    if (width === this.width && height === this.height && ratio === this.ratio) return false;
    const [dx, dy] = [(width - this.width) / 2, (height - this.height) / 2];
    this.width = width;
    this.height = height;
    this.ratio = ratio;
    if (this.fitted) this.fit();
    else this.view = { ...this.view, x: this.view.x + dx, y: this.view.y + dy };
    return true;
  }

  /** @param {{width: number, height: number}} canvas */
  setCanvas(canvas) {
    if (canvas.width === this.canvas.width && canvas.height === this.canvas.height) return false;
    this.canvas = { width: canvas.width, height: canvas.height };
    this.fit();
    return true;
  }

  /** The whole canvas with a margin. */
  fit() {
    const margin = Math.min(MARGIN, this.width / 12, this.height / 12);
    this.show({ left: 0, top: 0, right: this.canvas.width, bottom: this.canvas.height }, margin);
    this.fitted = true;
  }

  /**
   * @param {{left: number, top: number, right: number, bottom: number}} box in canvas pixels
   * @param {number} margin in screen pixels
   */
  show(box, margin) {
    const [width, height] = [Math.max(box.right - box.left, 1), Math.max(box.bottom - box.top, 1)];
    const fit = Math.min((this.width - 2 * margin) / width, (this.height - 2 * margin) / height);
    const scale = clamp(fit, LEAST_SCALE, LARGEST_SCALE);
    this.fitted = false;
    this.view = {
      scale,
      x: this.width / 2 - (scale * (box.left + box.right)) / 2,
      y: this.height / 2 - (scale * (box.top + box.bottom)) / 2,
    };
  }

  /**
   * @param {number} x screen: what lies here stays here
   * @param {number} y
   * @param {number} factor
   */
  zoomAt(x, y, factor) {
    const scale = clamp(this.view.scale * factor, LEAST_SCALE, LARGEST_SCALE);
    const by = scale / this.view.scale;
    this.fitted = false;
    this.view = this.#kept({ scale, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by });
  }

  /**
   * @param {number} dx screen
   * @param {number} dy
   */
  panBy(dx, dy) {
    this.fitted = false;
    this.view = this.#kept({ ...this.view, x: this.view.x + dx, y: this.view.y + dy });
  }

  /** @param {number} x @param {number} y @returns {[number, number]} */
  toCanvas(x, y) {
    return [(x - this.view.x) / this.view.scale, (y - this.view.y) / this.view.scale];
  }

  /** @param {number} x @param {number} y @returns {[number, number]} */
  toScreen(x, y) {
    return [x * this.view.scale + this.view.x, y * this.view.scale + this.view.y];
  }

  /**
   * The context draws in canvas pixels afterwards.
   * @param {CanvasRenderingContext2D} context
   */
  apply(context) {
    const { scale, x, y } = this.view;
    const r = this.ratio;
    context.setTransform(scale * r, 0, 0, scale * r, x * r, y * r);
  }

  /**
   * The context draws in screen pixels afterwards.
   * @param {CanvasRenderingContext2D} context
   */
  reset(context) {
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
  }

  /**
   * Some of the area where points may be (-1..2) always stays on the screen.
   * @param {View} view
   * @returns {View}
   */
  #kept(view) {
    const rest = 40;
    const [w, h] = [this.canvas.width * view.scale, this.canvas.height * view.scale];
    return {
      scale: view.scale,
      x: clamp(view.x, rest - 2 * w, this.width - rest + w),
      y: clamp(view.y, rest - 2 * h, this.height - rest + h),
    };
  }
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
