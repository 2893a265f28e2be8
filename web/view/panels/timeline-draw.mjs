/** What the timeline looks like: ruler and lanes, painted on two canvases. */

import { curveOf } from '../../core/geometry.mjs';
import { framePositions, keysOf, visibleAt } from '../../core/sampling.mjs';
import { frameSpeeds, pointTimes } from '../../core/timing.mjs';
import { shown } from './controls.mjs';

/** @typedef {import('../types.mjs').Track} Track */
/** @typedef {import('../types.mjs').Canvas} Canvas */
/** @typedef {import('./timeline-scale.mjs').TimeScale} TimeScale */

export const LANE = 24;
export const RULER = 24;
const BAR = 14;
const KEY = 5;
/** How far outside its frame a handle of the visible range stands. */
export const HANDLE = 9;
/** Where a lane's name begins, behind its colour. */
const NAME = 23;
const MAX_SPARK_FRAMES = 2000;
const FONT = '11px Inter, system-ui, "Segoe UI", Roboto, "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif';

/**
 * @typedef {object} Colors
 * @property {string} text
 * @property {string} soft
 * @property {string} line
 * @property {string} background
 * @property {string} chosen
 * @property {string} accent
 */

/**
 * @typedef {object} LaneFacts what is known of a track on the timeline, remembered as long as it stays the same
 * @property {import('../../core/sampling.mjs').Key[]} keys none where it stands still
 * @property {Float64Array} times when each point is passed
 * @property {Float64Array|null} speeds 0..1 of the track's own highest, from frame to frame
 * @property {string} name
 */

/** @type {WeakMap<Track, {clip: string, facts: LaneFacts}>} */
const known = new WeakMap();

/**
 * @param {Track} track
 * @param {Canvas} canvas
 * @returns {LaneFacts}
 */
export function laneFacts(track, canvas) {
  const clip = `${canvas.width},${canvas.height},${canvas.frames}`;
  const found = known.get(track);
  if (found?.clip === clip) return found.facts;
  const still = track.kind === 'static' || track.points.length === 1;
  const facts = {
    keys: still ? [] : keysOf(track, canvas.frames),
    times: still ? new Float64Array(0) : pointTimes(track, canvas),
    speeds: still || canvas.frames > MAX_SPARK_FRAMES || canvas.frames < 3 ? null : shares(frameSpeeds(track, canvas)),
    name: shown(track.name, 40),
  };
  known.set(track, { clip, facts });
  return facts;
}

/**
 * Whether the lanes of two states of a track look the same, as they do while it moves where it can be seen.
 * @param {Track} a
 * @param {Track} b
 * @param {Canvas} canvas
 */
export function sameLane(a, b, canvas) {
  if (a === b) return true;
  const fields = /** @type {const} */ (['name', 'color', 'kind', 'easing', 'start', 'end', 'hidden', 'locked']);
  if (fields.some((field) => a[field] !== b[field]) || a.points.length !== b.points.length) return false;
  if (!isWellInside(a) || !isWellInside(b) || curveOf(a, canvas).table !== curveOf(b, canvas).table) return false;
  return a.points.every(({ frame, easing }, i) => frame === b.points[i].frame && easing === b.points[i].easing);
}

/** @param {Track} track whether no curve through its points leaves the canvas */
function isWellInside({ points }) {
  return points.every(({ x, y }) => x >= 0.1 && x <= 0.9 && y >= 0.1 && y <= 0.9);
}

/** @param {Float64Array} values */
function shares(values) {
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  return most > 0 ? values.map((value) => value / most) : null;
}

/**
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {TimeScale} scale
 * @param {Colors} colors
 */
export function drawRuler(context, scale, colors) {
  const { label, mark } = scale.steps;
  context.font = FONT;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = colors.soft;
  const first = Math.floor(scale.from / mark) * mark;
  context.beginPath();
  for (let frame = first; frame <= Math.min(scale.to, scale.last); frame += mark) {
    const x = Math.round(scale.x(frame)) + 0.5;
    if (x < scale.head + 4) continue;
    const numbered = frame % label === 0;
    context.moveTo(x, numbered ? RULER - 7 : RULER - 4);
    context.lineTo(x, RULER);
    if (numbered) context.fillText(String(frame), x, 9);
  }
  context.strokeStyle = colors.soft;
  context.globalAlpha = 0.6;
  context.lineWidth = 1;
  context.stroke();
  context.globalAlpha = 1;
}

/**
 * @typedef {object} LaneState
 * @property {Track} track
 * @property {boolean} selected
 * @property {boolean} active
 * @property {ReadonlySet<number>} points its selected points
 * @property {number} hovered its point under the pointer, or -1
 */

/**
 * @param {CanvasRenderingContext2D} context in CSS pixels, its origin at the lane's top left
 * @param {LaneState} lane
 * @param {Canvas} canvas
 * @param {TimeScale} scale
 * @param {Colors} colors
 */
export function drawLane(context, lane, canvas, scale, colors) {
  const { track } = lane;
  const facts = laneFacts(track, canvas);
  const middle = LANE / 2;
  if (lane.selected) {
    context.fillStyle = colors.chosen;
    context.fillRect(0, 0, scale.width, LANE - 1);
  }
  context.fillStyle = colors.line;
  context.fillRect(0, LANE - 1, scale.width, 1);

  context.save();
  context.beginPath();
  context.rect(scale.head, 0, scale.width - scale.head, LANE);
  context.clip();
  context.globalAlpha = track.hidden ? 0.35 : 1;
  drawBar(context, lane, facts, canvas, scale, colors);
  if (lane.selected && !track.locked) drawHandles(context, track, scale, colors);
  drawStretches(context, lane, facts, scale, colors);
  drawKeys(context, lane, facts, scale, colors);
  context.restore();
  drawName(context, lane, facts, scale, colors, middle);
}

/**
 * The time in which the track can be seen, with its speed as a profile.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {LaneState} lane
 * @param {LaneFacts} facts
 * @param {Canvas} canvas
 * @param {TimeScale} scale
 * @param {Colors} colors
 */
function drawBar(context, { track, selected }, facts, canvas, scale, colors) {
  const top = (LANE - BAR) / 2;
  const alpha = context.globalAlpha;
  const [begin, end] = [track.start ?? 0, track.end ?? canvas.frames - 1];
  const [left, right] = [scale.x(begin), scale.x(end)];
  context.fillStyle = track.color;
  context.globalAlpha = alpha * (selected ? 0.34 : 0.24);
  context.beginPath();
  context.roundRect(left - 3, top, Math.max(right - left, 0) + 6, BAR, 3);
  context.fill();
  if (facts.speeds) {
    const first = Math.max(Math.floor(Math.max(scale.from, begin)), 0);
    const last = Math.min(Math.ceil(Math.min(scale.to, end)), canvas.frames - 1);
    context.globalAlpha = alpha * 0.6;
    context.beginPath();
    context.moveTo(scale.x(first), top + BAR);
    for (let frame = first; frame < last; frame++) {
      const y = top + BAR - 1 - facts.speeds[frame] * (BAR - 3);
      context.lineTo(scale.x(frame), y);
      context.lineTo(scale.x(frame + 1), y);
    }
    context.lineTo(scale.x(last), top + BAR);
    context.fill();
  }
  context.globalAlpha = alpha;
  drawAbsence(context, track, canvas, scale, selected ? colors.chosen : colors.background);
}

/**
 * A thin line where the path is off the canvas, and so cannot be seen.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Track} track
 * @param {Canvas} canvas
 * @param {TimeScale} scale
 * @param {string} background
 */
function drawAbsence(context, track, canvas, scale, background) {
  if (canvas.frames > MAX_SPARK_FRAMES || isWellInside(track)) return;
  const places = framePositions(track, canvas);
  for (let frame = Math.max(Math.floor(scale.from), 0); frame <= Math.min(scale.to + 1, canvas.frames - 1); frame++) {
    if (visibleAt(track, places[2 * frame], places[2 * frame + 1], frame)) continue;
    context.fillStyle = background;
    context.fillRect(scale.x(frame - 0.5), (LANE - BAR) / 2, scale.perFrame + 0.5, BAR);
    context.fillStyle = track.color;
    context.fillRect(scale.x(frame - 0.5), LANE / 2, scale.perFrame + 0.5, 1);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Track} track
 * @param {TimeScale} scale
 * @param {Colors} colors
 */
function drawHandles(context, track, scale, colors) {
  context.fillStyle = colors.text;
  for (const [frame, side] of [[track.start ?? 0, -1], [track.end ?? scale.last, 1]]) {
    const x = scale.x(frame) + side * HANDLE;
    context.beginPath();
    context.roundRect(x - 1.5, 4, 3, LANE - 8, 1.5);
    context.fill();
  }
}

/**
 * Easing of the stretches between keys, as small curves, and the passing of points without a key.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {LaneState} lane
 * @param {LaneFacts} facts
 * @param {TimeScale} scale
 * @param {Colors} colors
 */
function drawStretches(context, { track, points, hovered }, facts, scale, colors) {
  const middle = LANE / 2;
  const alpha = context.globalAlpha;
  context.globalAlpha = alpha * 0.75;
  for (let index = 0; index < facts.times.length; index++) {
    if (track.points[index].frame !== null) continue;
    const x = scale.x(facts.times[index]);
    const size = points.has(index) || hovered === index ? 3 : 1;
    context.fillStyle = points.has(index) ? colors.accent : colors.text;
    if (x >= scale.head && x <= scale.width) context.fillRect(x - size, middle - size, 2 * size, 2 * size);
  }
  context.strokeStyle = colors.text;
  context.lineWidth = 1.2;
  for (let index = 0; index < facts.keys.length - 1; index++) {
    const [from, to] = [facts.keys[index], facts.keys[index + 1]];
    const easing = track.points[from.index].easing ?? track.easing;
    const [left, right] = [scale.x(from.frame), scale.x(to.frame)];
    if (easing === 'linear' || right - left < 30 || right < scale.head || left > scale.width) continue;
    const x = (left + right) / 2;
    context.beginPath();
    context.moveTo(x - 5, middle + 4);
    if (easing === 'ease-in') context.bezierCurveTo(x + 1, middle + 4, x + 4, middle + 1, x + 5, middle - 4);
    else if (easing === 'ease-out') context.bezierCurveTo(x - 4, middle - 1, x - 1, middle - 4, x + 5, middle - 4);
    else context.bezierCurveTo(x + 1, middle + 4, x - 1, middle - 4, x + 5, middle - 4);
    context.stroke();
  }
  context.globalAlpha = alpha;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {LaneState} lane
 * @param {LaneFacts} facts
 * @param {TimeScale} scale
 * @param {Colors} colors
 */
function drawKeys(context, lane, facts, scale, colors) {
  const middle = LANE / 2;
  let before = -Infinity;
  for (const { index, frame, implied } of facts.keys) {
    const x = scale.x(frame);
    const selected = lane.points.has(index);
    if (x < scale.head - KEY || x > scale.width + KEY || (x - before < 1 && !selected)) continue;
    before = x;
    const size = selected || lane.hovered === index ? KEY + 1.5 : KEY;
    context.beginPath();
    context.moveTo(x, middle - size);
    context.lineTo(x + size, middle);
    context.lineTo(x, middle + size);
    context.lineTo(x - size, middle);
    context.closePath();
    context.fillStyle = selected ? colors.accent : implied ? colors.background : colors.text;
    context.strokeStyle = implied || selected ? colors.text : colors.background;
    context.lineWidth = selected ? 1.5 : 1;
    context.fill();
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {LaneState} lane
 * @param {LaneFacts} facts
 * @param {TimeScale} scale
 * @param {Colors} colors
 * @param {number} middle
 */
function drawName(context, lane, facts, scale, colors, middle) {
  const { track } = lane;
  context.save();
  context.beginPath();
  context.rect(0, 0, scale.head - 6, LANE);
  context.clip();
  if (lane.active) {
    context.fillStyle = colors.accent;
    context.fillRect(0, 0, 3, LANE - 1);
  }
  context.globalAlpha = track.hidden ? 0.5 : 1;
  context.fillStyle = track.color;
  context.beginPath();
  context.roundRect(9, middle - 4, 8, 8, 2);
  context.fill();
  context.font = FONT;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillStyle = lane.selected ? colors.text : colors.soft;
  context.fillText(shortened(context, facts.name, scale.head - 6 - NAME), NAME, middle + 0.5);
  context.restore();
}

/**
 * The text, or its beginning and an ellipsis where it is wider than that.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} width
 */
function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const characters = [...text];
  while (characters.length > 1 && context.measureText(`${characters.join('')}…`).width > width) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}

