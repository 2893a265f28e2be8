/** One canvas of the stack, sized to the stage and the device's pixels. */

export class Layer {
  /** @param {string} name */
  constructor(name) {
    this.element = document.createElement('canvas');
    this.element.className = `layer layer-${name}`;
    this.element.setAttribute('aria-hidden', 'true');
    this.context = /** @type {CanvasRenderingContext2D} */ (this.element.getContext('2d'));
    this.dirty = true;
    this.empty = true;
  }

  /**
   * @param {number} width CSS pixels
   * @param {number} height
   * @param {number} ratio device pixels a CSS pixel
   */
  resize(width, height, ratio) {
    const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (this.element.width === w && this.element.height === h) return;
    this.element.width = w;
    this.element.height = h;
    this.dirty = this.empty = true;
  }

  /**
   * Clears and draws in CSS pixels of the stage.
   * @param {number} ratio
   * @param {(context: CanvasRenderingContext2D) => boolean|void} draw false: nothing was drawn
   */
  paint(ratio, draw) {
    this.dirty = false;
    const { context, element } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (!this.empty) context.clearRect(0, 0, element.width, element.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.empty = draw(context) === false;
  }
}
