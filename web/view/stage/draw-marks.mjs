/** What is drawn on top of everything while editing: control points, transform box, rubber band, guides, readout. */

import { curveOf } from '../../core/geometry.mjs';
import { withAlpha } from './palette.mjs';

/** @typedef {import('./camera.mjs').Camera} Camera */
/** @typedef {import('./palette.mjs').StagePalette} StagePalette */
/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('../types.mjs').Track} Track */
/** @typedef {import('../types.mjs').Selection} Selection */
/** @typedef {import('../../core/geometry.mjs').Curve} Curve */
/** @typedef {import('../tools/box.mjs').TransformBox} TransformBox */

/** With more points than this squares stand in for circles, which cost less. */
const MANY_POINTS = 1200;
const RADIUS = 4;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {StagePalette} palette
 * @param {Document} document
 * @param {Selection} selection
 */
export function drawPoints(context, camera, palette, document, selection) {
  const { zoom, x: left, y: top } = camera.view;
  const [w, h] = [document.width * zoom, document.height * zoom];
  let count = 0;
  for (const index of selection.tracks) count += document.tracks[index]?.points.length ?? 0;
  const many = count > MANY_POINTS;
  const chosen = new Set(selection.points.map(([track, point]) => track * 4096 + point));
  for (const index of selection.tracks) {
    const track = document.tracks[index];
    if (!track || track.hidden) continue;
    context.fillStyle = track.locked ? palette.chip : palette.point;
    context.strokeStyle = track.color;
    context.lineWidth = 1.75;
    if (many && !chosen.size && drawAllDots(context, camera, document, track)) continue;
    context.beginPath();
    const keyed = [];
    const points = track.kind === 'static' ? track.points.slice(0, 1) : track.points;
    for (let i = 0; i < points.length; i++) {
      const [x, y] = [points[i].x * w + left, points[i].y * h + top];
      if (x < -9 || y < -9 || x > camera.width + 9 || y > camera.height + 9) continue;
      if (chosen.size && chosen.has(index * 4096 + i)) continue;
      if (points[i].frame !== null) keyed.push(x, y);
      else addDot(context, x, y, i === 0 ? RADIUS + 1 : RADIUS - (many ? 1 : 0), many);
    }
    context.fill();
    context.stroke();
    if (keyed.length) {
      context.beginPath();
      for (let i = 0; i < keyed.length; i += 2) addDiamond(context, keyed[i], keyed[i + 1], RADIUS + 2);
      context.fillStyle = track.color;
      context.fill();
      context.strokeStyle = palette.point;
      context.stroke();
    }
  }
  if (chosen.size) drawChosen(context, camera, palette, document, selection);
}

/** @type {WeakMap<Curve, {zoom: number, dots: Path2D}>} */
const allDots = new WeakMap();

/**
 * All points of a track as one shape, which stays the same while the track moves as a whole.
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {Document} document
 * @param {Track} track
 * @returns {boolean} false where the points are not all alike
 */
function drawAllDots(context, { view: { zoom, x, y } }, document, track) {
  if (track.kind === 'static' || track.points.some(({ frame }) => frame !== null)) return false;
  const { base, dx, dy } = curveOf(track, document);
  let known = allDots.get(base);
  if (known?.zoom !== zoom) {
    const dots = new Path2D();
    for (let i = 0; i < base.points.length; i += 2) {
      addDot(dots, base.points[i] * zoom, base.points[i + 1] * zoom, i === 0 ? RADIUS + 1 : RADIUS - 1, true);
    }
    allDots.set(base, known = { zoom, dots });
  }
  context.translate(dx * zoom + x, dy * zoom + y);
  context.fill(known.dots);
  context.stroke(known.dots);
  context.translate(-dx * zoom - x, -dy * zoom - y);
  return true;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {StagePalette} palette
 * @param {Document} document
 * @param {Selection} selection
 */
function drawChosen(context, camera, palette, document, selection) {
  context.beginPath();
  for (const [index, at] of selection.points) {
    const track = document.tracks[index];
    const point = track?.points[at];
    if (!point || track.hidden) continue;
    const [x, y] = camera.toScreen(point.x * document.width, point.y * document.height);
    if (point.frame === null) addDot(context, x, y, RADIUS + 1, false);
    else addDiamond(context, x, y, RADIUS + 3);
  }
  context.lineWidth = 5;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.fillStyle = palette.accent;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = palette.point;
  context.stroke();
}

/**
 * @param {CanvasPath} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {boolean} plain
 */
function addDot(context, x, y, radius, plain) {
  if (plain) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  else {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 */
function addDiamond(context, x, y, reach) {
  context.moveTo(x, y - reach);
  context.lineTo(x + reach, y);
  context.lineTo(x, y + reach);
  context.lineTo(x - reach, y);
  context.closePath();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StagePalette} palette
 * @param {TransformBox} box
 */
export function drawBox(context, palette, box) {
  const { left, top, right, bottom } = box.rect;
  context.lineWidth = 1;
  context.strokeStyle = palette.accent;
  context.setLineDash([4, 3]);
  context.strokeRect(Math.round(left) + 0.5, Math.round(top) + 0.5, Math.round(right - left), Math.round(bottom - top));
  context.setLineDash([]);
  context.beginPath();
  const rotate = box.handles.find((handle) => handle.name === 'rotate');
  if (rotate) {
    context.moveTo((left + right) / 2, rotate.y > top ? bottom : top);
    context.lineTo(rotate.x, rotate.y);
  }
  context.stroke();
  for (const handle of box.handles) {
    context.beginPath();
    if (handle.name === 'rotate') context.arc(handle.x, handle.y, 5, 0, 7);
    else if (handle.name === 'move') {
      context.moveTo(handle.x - 5, handle.y);
      context.lineTo(handle.x + 5, handle.y);
      context.moveTo(handle.x, handle.y - 5);
      context.lineTo(handle.x, handle.y + 5);
      context.lineWidth = 3;
      context.strokeStyle = palette.halo;
      context.stroke();
      context.lineWidth = 1.5;
      context.strokeStyle = palette.accent;
      context.stroke();
      continue;
    } else context.roundRect(handle.x - 4, handle.y - 4, 8, 8, 2);
    context.fillStyle = palette.point;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = palette.accent;
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StagePalette} palette
 * @param {{left: number, top: number, right: number, bottom: number}} band screen pixels
 */
export function drawBand(context, palette, band) {
  const [w, h] = [band.right - band.left, band.bottom - band.top];
  context.fillStyle = withAlpha(palette.accent, 0.14);
  context.fillRect(band.left, band.top, w, h);
  context.lineWidth = 1;
  context.strokeStyle = palette.accent;
  context.strokeRect(Math.round(band.left) + 0.5, Math.round(band.top) + 0.5, Math.round(w), Math.round(h));
}

/**
 * A point under the pointer, and how the drawing would go on from there.
 * @param {CanvasRenderingContext2D} context
 * @param {StagePalette} palette
 * @param {{x: number, y: number, color: string, from: [number, number]|null, kind: 'point'|'insert'}} promise
 */
export function drawPromise(context, palette, promise) {
  if (promise.from) {
    context.beginPath();
    context.moveTo(...promise.from);
    context.lineTo(promise.x, promise.y);
    context.lineWidth = 1.5;
    context.setLineDash([5, 5]);
    context.strokeStyle = promise.color;
    context.stroke();
    context.setLineDash([]);
  }
  context.beginPath();
  context.arc(promise.x, promise.y, promise.kind === 'insert' ? 6 : 4.5, 0, 7);
  context.lineWidth = 4;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = promise.color;
  context.stroke();
  if (promise.kind !== 'insert') return;
  context.beginPath();
  context.moveTo(promise.x - 3, promise.y);
  context.lineTo(promise.x + 3, promise.y);
  context.moveTo(promise.x, promise.y - 3);
  context.lineTo(promise.x, promise.y + 3);
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {StagePalette} palette
 * @param {{x: number|null, y: number|null}} guides canvas pixels to which something snapped
 */
export function drawSnapLines(context, camera, palette, guides) {
  context.beginPath();
  if (guides.x !== null) {
    const [x] = camera.toScreen(guides.x, 0);
    context.moveTo(Math.round(x) + 0.5, 0);
    context.lineTo(Math.round(x) + 0.5, camera.height);
  }
  if (guides.y !== null) {
    const [, y] = camera.toScreen(0, guides.y);
    context.moveTo(0, Math.round(y) + 0.5);
    context.lineTo(camera.width, Math.round(y) + 0.5);
  }
  context.lineWidth = 1;
  context.strokeStyle = palette.accent;
  context.stroke();
}

/**
 * A freehand stroke while it is drawn.
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {StagePalette} palette
 * @param {{places: number[], color: string}} stroke x0, y0, ... canvas pixels
 */
export function drawStroke(context, camera, palette, stroke) {
  context.beginPath();
  for (let i = 0; i < stroke.places.length; i += 2) context.lineTo(...camera.toScreen(stroke.places[i], stroke.places[i + 1]));
  context.lineCap = context.lineJoin = 'round';
  context.lineWidth = 6;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.lineWidth = 2.5;
  context.strokeStyle = stroke.color;
  context.stroke();
}
