/** The lowest layer: surroundings, canvas, background picture, grid and guides. */

/** @typedef {import('./camera.mjs').Camera} Camera */
/** @typedef {import('./palette.mjs').StagePalette} StagePalette */

/**
 * @typedef {object} Ground
 * @property {Camera} camera
 * @property {StagePalette} palette
 * @property {{image: CanvasImageSource, width: number, height: number, opacity: number, fit: string}|null} picture
 * @property {number} grid cell in canvas pixels, 0 without
 * @property {boolean} guides thirds and centre
 */

/** A grid finer than this many screen pixels is drawn in coarser cells. */
const FINEST_CELL = 7;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Ground} ground
 */
export function drawGround(context, { camera, palette, picture, grid, guides }) {
  const { width, height } = camera.canvas;
  const [left, top] = camera.toScreen(0, 0).map(Math.round);
  const [right, bottom] = camera.toScreen(width, height).map(Math.round);
  context.fillStyle = palette.surround;
  context.fillRect(0, 0, camera.width, camera.height);

  const [reachX, reachY] = [right - left, bottom - top];
  context.strokeStyle = palette.limit;
  context.lineWidth = 1;
  context.setLineDash([4, 5]);
  context.strokeRect(left - reachX + 0.5, top - reachY + 0.5, 3 * reachX, 3 * reachY);
  context.setLineDash([]);

  context.save();
  context.shadowColor = 'rgba(0,0,0,0.35)';
  context.shadowBlur = 10;
  context.shadowOffsetY = 2;
  context.fillStyle = palette.canvas;
  context.fillRect(left, top, reachX, reachY);
  context.restore();

  context.save();
  context.beginPath();
  context.rect(left, top, reachX, reachY);
  context.clip();
  if (picture) drawPicture(context, picture, left, top, reachX, reachY);
  if (grid > 0) drawGrid(context, camera, palette, grid);
  if (guides) drawGuides(context, palette, left, top, reachX, reachY);
  context.restore();

  context.strokeStyle = palette.canvasEdge;
  context.strokeRect(left - 0.5, top - 0.5, reachX + 1, reachY + 1);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {NonNullable<Ground['picture']>} picture
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 */
function drawPicture(context, picture, left, top, width, height) {
  let [w, h] = [width, height];
  if (picture.fit !== 'stretch') {
    const [sx, sy] = [width / picture.width, height / picture.height];
    const scale = picture.fit === 'cover' ? Math.max(sx, sy) : Math.min(sx, sy);
    [w, h] = [picture.width * scale, picture.height * scale];
  }
  context.globalAlpha = picture.opacity;
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture.image, left + (width - w) / 2, top + (height - h) / 2, w, h);
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {StagePalette} palette
 * @param {number} cell
 */
function drawGrid(context, camera, palette, cell) {
  let step = cell;
  while (step * camera.view.zoom < FINEST_CELL) step *= 2;
  const { width, height } = camera.canvas;
  for (const strong of [false, true]) {
    context.beginPath();
    for (let i = 0; i * step <= width; i++) {
      if ((i % 5 === 0) !== strong) continue;
      const [x] = camera.toScreen(i * step, 0);
      context.moveTo(Math.round(x) + 0.5, 0);
      context.lineTo(Math.round(x) + 0.5, camera.height);
    }
    for (let i = 0; i * step <= height; i++) {
      if ((i % 5 === 0) !== strong) continue;
      const [, y] = camera.toScreen(0, i * step);
      context.moveTo(0, Math.round(y) + 0.5);
      context.lineTo(camera.width, Math.round(y) + 0.5);
    }
    context.strokeStyle = strong ? palette.gridStrong : palette.grid;
    context.lineWidth = 1;
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StagePalette} palette
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 */
function drawGuides(context, palette, left, top, width, height) {
  context.beginPath();
  for (const share of [1 / 3, 1 / 2, 2 / 3]) {
    const [x, y] = [Math.round(left + share * width) + 0.5, Math.round(top + share * height) + 0.5];
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.moveTo(left, y);
    context.lineTo(left + width, y);
  }
  context.moveTo(left, top);
  context.lineTo(left + width, top + height);
  context.moveTo(left + width, top);
  context.lineTo(left, top + height);
  context.strokeStyle = palette.gridStrong;
  context.lineWidth = 1;
  context.setLineDash([6, 4]);
  context.stroke();
  context.setLineDash([]);
}
