/** Paths: halo and line, frame ticks, where a track begins, which way it goes, and still points. */

import { curveOf } from '../../core/geometry.mjs';
import { partsOf, ticksOf } from './shapes.mjs';
import { withAlpha } from './palette.mjs';

/** @typedef {import('./camera.mjs').Camera} Camera */
/** @typedef {import('./palette.mjs').StagePalette} StagePalette */
/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('../types.mjs').Track} Track */

/** @typedef {'plain'|'hovered'|'selected'|'ghost'} Look */

/** Screen pixels of line and halo. */
const WIDTHS = { plain: [2, 4.5], hovered: [3, 7], selected: [2.75, 6], ghost: [1.5, 0] };
/** Marks of frames are left out where they would run together. */
const CLOSEST_TICKS = 4.5;

/**
 * @typedef {object} TrackDrawing
 * @property {Camera} camera
 * @property {StagePalette} palette
 * @property {Document} document
 * @property {boolean} ticks
 */

/**
 * @param {CanvasRenderingContext2D} context in screen pixels, and so again afterwards
 * @param {TrackDrawing} drawing
 * @param {Track} track
 * @param {Look} look
 */
export function drawTrack(context, drawing, track, look) {
  const { camera, palette, document } = drawing;
  if (track.kind === 'static' || track.points.length === 1) return drawStill(context, drawing, track, look);
  const curve = curveOf(track, document);
  const { seen, unseen, dx, dy } = partsOf(track, document);
  const [line, halo] = WIDTHS[look];
  const pixel = 1 / camera.view.zoom;
  camera.apply(context);
  context.translate(dx, dy);
  context.lineCap = context.lineJoin = 'round';
  if (unseen) {
    context.setLineDash([5 * pixel, 5 * pixel]);
    context.lineWidth = line * pixel;
    context.strokeStyle = withAlpha(track.color, 0.45);
    context.stroke(unseen);
    context.setLineDash([]);
  }
  if (seen) {
    if (halo > 0) {
      context.lineWidth = halo * pixel;
      context.strokeStyle = look === 'hovered' ? withAlpha(track.color, 0.45) : palette.halo;
      context.stroke(seen);
    }
    context.lineWidth = line * pixel;
    context.strokeStyle = look === 'ghost' ? withAlpha(track.color, 0.6) : track.color;
    context.stroke(seen);
  }
  context.translate(-dx, -dy);
  const frames = Math.max(document.frames - 1, 1);
  if (drawing.ticks && look !== 'ghost' && (curve.total * camera.view.zoom) / frames > CLOSEST_TICKS) {
    const ticks = ticksOf(track, document, (look === 'selected' ? 4.5 : 3.5) * pixel);
    context.lineCap = 'butt';
    context.lineWidth = 2.6 * pixel;
    context.strokeStyle = palette.halo;
    context.stroke(ticks);
    context.lineWidth = 1.3 * pixel;
    context.strokeStyle = track.color;
    context.stroke(ticks);
  }
  camera.reset(context);
  if (look !== 'ghost') drawEnds(context, drawing, track, curve, look);
}

/**
 * A ring where the track begins, an arrow head where it ends and one on its way.
 * @param {CanvasRenderingContext2D} context
 * @param {TrackDrawing} drawing
 * @param {Track} track
 * @param {import('../../core/geometry.mjs').Curve} curve
 * @param {Look} look
 */
function drawEnds(context, { camera, palette }, track, curve, look) {
  const [sx, sy] = camera.toScreen(curve.coefficients[0], curve.coefficients[1]);
  if (look !== 'selected') {
    context.beginPath();
    context.arc(sx, sy, 4, 0, 7);
    context.fillStyle = palette.point;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = track.color;
    context.stroke();
  }
  const total = curve.total;
  const screen = total * camera.view.zoom;
  if (screen < 12) return;
  const back = 3 / camera.view.zoom;
  // The arrow head of a selected track stands before its last point's handle.
  const end = look === 'selected' ? total - Math.min(9 / camera.view.zoom, total / 4) : total;
  drawHead(context, camera, palette, track.color, curve.at(end - back), curve.at(end), 8);
  if (screen > 140) {
    const middle = total / 2;
    drawHead(context, camera, palette, track.color, curve.at(middle - back), curve.at(middle), 6.5);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {StagePalette} palette
 * @param {string} color
 * @param {[number, number]} from canvas pixels
 * @param {[number, number]} to
 * @param {number} size screen pixels
 */
function drawHead(context, camera, palette, color, from, to, size) {
  const [x, y] = camera.toScreen(to[0], to[1]);
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  /** @param {number} a @param {number} b @returns {[number, number]} */
  const at = (a, b) => [x + a * c - b * s, y + a * s + b * c];
  context.beginPath();
  context.moveTo(...at(size * 0.55, 0));
  context.lineTo(...at(-size * 0.6, -size * 0.62));
  context.lineTo(...at(-size * 0.25, 0));
  context.lineTo(...at(-size * 0.6, size * 0.62));
  context.closePath();
  context.lineWidth = 2;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.fillStyle = color;
  context.fill();
}

/**
 * A still point: a diamond, or a ring for a path of a single point that waits for its second one.
 * @param {CanvasRenderingContext2D} context
 * @param {TrackDrawing} drawing
 * @param {Track} track
 * @param {Look} look
 */
function drawStill(context, { camera, palette, document }, track, look) {
  const [x, y] = camera.toScreen(track.points[0].x * document.width, track.points[0].y * document.height);
  const reach = look === 'plain' ? 6.5 : 8;
  context.beginPath();
  if (track.kind === 'static') {
    context.moveTo(x, y - reach);
    context.lineTo(x + reach, y);
    context.lineTo(x, y + reach);
    context.lineTo(x - reach, y);
    context.closePath();
  } else context.arc(x, y, reach - 2, 0, 7);
  context.lineWidth = look === 'hovered' ? 6 : 4;
  context.strokeStyle = look === 'hovered' ? withAlpha(track.color, 0.5) : palette.halo;
  context.stroke();
  context.fillStyle = look === 'ghost' ? withAlpha(track.color, 0.5) : track.color;
  context.fill();
  context.beginPath();
  context.arc(x, y, 2, 0, 7);
  context.fillStyle = palette.point;
  context.fill();
}
