/**
 * Where the canvas is on the screen: `screen = pixel * zoom + offset`, in CSS pixels of the stage.
 *
 * @typedef {{readonly zoom: number, readonly x: number, readonly y: number}} View screen pixels a canvas pixel, and the
 *   screen place of the canvas's upper left corner
 * @typedef {{width: number, height: number}} Size
 */

export const MIN_ZOOM = 0.02;
export const MAX_ZOOM = 64;

/**
 * The whole canvas in the middle of the stage.
 * @param {Size} canvas in pixels
 * @param {Size} stage in screen pixels
 * @param {number} [margin] screen pixels around it
 * @returns {View}
 */
export function fit(canvas, stage, margin = 12) {
  const room = { width: Math.max(stage.width - 2 * margin, 1), height: Math.max(stage.height - 2 * margin, 1) };
  const zoom = limitedZoom(Math.min(room.width / canvas.width, room.height / canvas.height));
  return { zoom, x: (stage.width - canvas.width * zoom) / 2, y: (stage.height - canvas.height * zoom) / 2 };
}

/**
 * @param {View} view
 * @param {number} x pixels of the canvas
 * @param {number} y
 * @returns {[number, number]}
 */
export function toScreen(view, x, y) {
  return [x * view.zoom + view.x, y * view.zoom + view.y];
}

/**
 * @param {View} view
 * @param {number} x screen pixels
 * @param {number} y
 * @returns {[number, number]} pixels of the canvas
 */
export function toCanvas(view, x, y) {
  return [(x - view.x) / view.zoom, (y - view.y) / view.zoom];
}

/**
 * Zoom by a factor; what is at (x, y) stays there.
 * @param {View} view
 * @param {number} x screen pixels
 * @param {number} y
 * @param {number} factor
 * @returns {View}
 */
export function zoomAt(view, x, y, factor) {
  const zoom = limitedZoom(view.zoom * factor);
  const share = zoom / view.zoom;
  return share === 1 ? view : { zoom, x: x - (x - view.x) * share, y: y - (y - view.y) * share };
}

/**
 * @param {View} view
 * @param {number} dx screen pixels
 * @param {number} dy
 * @returns {View}
 */
export function pan(view, dx, dy) {
  return dx === 0 && dy === 0 ? view : { ...view, x: view.x + dx, y: view.y + dy };
}

/**
 * Two fingers: what was under their middle stays under it, their distance is the zoom.
 * @param {View} view as it was when they touched
 * @param {readonly [number, number, number, number]} from x, y of both, screen pixels
 * @param {readonly [number, number, number, number]} to
 * @returns {View}
 */
export function pinch(view, from, to) {
  const [oldX, oldY] = [(from[0] + from[2]) / 2, (from[1] + from[3]) / 2];
  const [newX, newY] = [(to[0] + to[2]) / 2, (to[1] + to[3]) / 2];
  const spread = Math.hypot(from[2] - from[0], from[3] - from[1]);
  const factor = spread > 0 ? Math.hypot(to[2] - to[0], to[3] - to[1]) / spread : 1;
  return zoomAt(pan(view, newX - oldX, newY - oldY), newX, newY, factor);
}

/**
 * The view moved so that at least a part of the canvas can be seen.
 * @param {View} view
 * @param {Size} canvas
 * @param {Size} stage
 * @param {number} [visible] screen pixels that stay inside
 * @returns {View}
 */
export function keptInSight(view, canvas, stage, visible = 32) {
  const x = Math.min(Math.max(view.x, visible - canvas.width * view.zoom), stage.width - visible);
  const y = Math.min(Math.max(view.y, visible - canvas.height * view.zoom), stage.height - visible);
  return x === view.x && y === view.y ? view : { ...view, x, y };
}

/**
 * A view of the same part of the canvas after the stage changed its size.
 * @param {View} view
 * @param {Size} before
 * @param {Size} after
 * @returns {View}
 */
export function resized(view, before, after) {
  if (before.width < 1 || before.height < 1) return view;
  const centered = pan(view, (after.width - before.width) / 2, (after.height - before.height) / 2);
  return zoomAt(centered, after.width / 2, after.height / 2,
    Math.min(after.width / before.width, after.height / before.height));
}

/** @param {number} zoom */
function limitedZoom(zoom) {
  return Number.isFinite(zoom) ? Math.min(Math.max(zoom, MIN_ZOOM), MAX_ZOOM) : 1;
}
