/**
 * What part of the drawing is on the screen. Screen: CSS pixels from the stage's upper left corner, before any scaling
 * of the page (a node in a zoomed graph is scaled as a whole). Canvas: pixels of the document's canvas.
 */

import { fit, keptInSight, pan, pinch, resized, toCanvas, toScreen, zoomAt } from '../../core/viewport.mjs';

/** @typedef {import('../../core/viewport.mjs').View} View */

export class Camera {
  constructor() {
    this.width = 1;
    this.height = 1;
    /** Device pixels a CSS pixel, the page's own scaling of the stage included. */
    this.ratio = 1;
    /** @type {View} */
    this.view = { zoom: 1, x: 0, y: 0 };
    /** Whether the view follows the stage's size: until the user zooms or pans. */
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
    const before = { width: this.width, height: this.height };
    this.width = width;
    this.height = height;
    this.ratio = ratio;
    if (this.fitted) this.fit();
    else this.view = keptInSight(resized(this.view, before, this), this.canvas, this);
    return true;
  }

  /**
   * @param {{width: number, height: number}} canvas
   * @returns {boolean} whether it is another one
   */
  setCanvas(canvas) {
    if (canvas.width === this.canvas.width && canvas.height === this.canvas.height) return false;
    this.canvas = { width: canvas.width, height: canvas.height };
    this.fit();
    return true;
  }

  /** The whole canvas with a margin. */
  fit() {
    this.view = fit(this.canvas, this, Math.min(16, this.width / 14, this.height / 14));
    this.fitted = true;
  }

  /**
   * @param {{left: number, top: number, right: number, bottom: number}} box in canvas pixels
   * @param {number} margin in screen pixels
   */
  show(box, margin) {
    const size = { width: Math.max(box.right - box.left, 8), height: Math.max(box.bottom - box.top, 8) };
    const view = fit(size, this, margin);
    const [x, y] = [(box.left + box.right - size.width) / 2, (box.top + box.bottom - size.height) / 2];
    this.#move(pan(view, -x * view.zoom, -y * view.zoom));
  }

  /**
   * @param {number} x screen: what lies here stays here
   * @param {number} y
   * @param {number} factor
   */
  zoomAt(x, y, factor) {
    // Out to where the whole area that points may be in (-1..2) can be seen, and a little more.
    const least = 0.8 * fit({ width: 3 * this.canvas.width, height: 3 * this.canvas.height }, this, 0).zoom;
    this.#move(zoomAt(this.view, x, y, Math.max(factor, Math.min(least / this.view.zoom, 1))));
  }

  /**
   * @param {number} dx screen
   * @param {number} dy
   */
  panBy(dx, dy) {
    this.#move(pan(this.view, dx, dy));
  }

  /**
   * @param {View} view as it was when two fingers touched
   * @param {readonly [number, number, number, number]} from both fingers, screen
   * @param {readonly [number, number, number, number]} to
   */
  pinch(view, from, to) {
    this.#move(pinch(view, from, to));
  }

  /** @param {number} x @param {number} y */
  toCanvas(x, y) {
    return toCanvas(this.view, x, y);
  }

  /** @param {number} x @param {number} y */
  toScreen(x, y) {
    return toScreen(this.view, x, y);
  }

  /**
   * The context draws in canvas pixels afterwards.
   * @param {CanvasRenderingContext2D} context
   */
  apply(context) {
    const { zoom, x, y } = this.view;
    const r = this.ratio;
    context.setTransform(zoom * r, 0, 0, zoom * r, x * r, y * r);
  }

  /**
   * The context draws in screen pixels afterwards.
   * @param {CanvasRenderingContext2D} context
   */
  reset(context) {
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
  }

  /** @param {View} view */
  #move(view) {
    this.fitted = false;
    // Points may lie up to one canvas outside, so that much of the surroundings can be brought to the middle.
    this.view = keptInSight(view, this.canvas, this, Math.min(48, this.width / 4, this.height / 4));
  }
}
