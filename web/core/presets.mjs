/**
 * Ready-made paths.
 *
 * @typedef {import('./drawing.mjs').Point} Point
 * @typedef {'line'|'arc'|'circle'|'spiral'|'wave'|'zigzag'|'infinity'|'shake'|'pause'} PresetName
 *
 * @typedef {object} PresetOptions
 * @property {{width: number, height: number, frames?: number}} canvas
 * @property {{x: number, y: number}} [center] pixels; default the canvas's middle
 * @property {{width: number, height: number}|number} [size] pixels; default half of the canvas's smaller side
 * @property {number} [rotation] radians, clockwise as seen on the screen
 * @property {number} [turns] rounds of circle and spiral, periods of wave and zigzag, jolts of shake
 * @property {number} [points] points a turn, where a shape has a choice
 * @property {number} [seed] of shake: the same number gives the same shake
 */

import { tidy } from './change.mjs';
import { MAX_POINTS, createPoint } from './drawing.mjs';

/** @type {readonly PresetName[]} */
export const PRESETS = Object.freeze(
  /** @type {PresetName[]} */ (['line', 'arc', 'circle', 'spiral', 'wave', 'zigzag', 'infinity', 'shake', 'pause']));

/** Presets that are made of straight lines. @type {readonly PresetName[]} */
export const LINEAR_PRESETS = Object.freeze(/** @type {PresetName[]} */ (['line', 'zigzag', 'shake', 'pause']));

const TAU = 2 * Math.PI;

/**
 * Places in a square of -1..1, y down.
 * @type {Record<PresetName, (turns: number, points: number, seed: number) => number[][]>}
 */
const SHAPES = {
  line: () => [[-1, 0], [1, 0]],
  arc: (_, points) => steps(points, (s) => [-Math.cos(Math.PI * s), 0.5 - Math.sin(Math.PI * s)]),
  circle: (turns, points) => steps(points * turns, (s) => round(TAU * turns * s, 1)),
  spiral: (turns, points) => steps(points * turns, (s) => round(TAU * turns * s, s)),
  wave: (turns, points) => steps(points * turns, (s) => [2 * s - 1, -Math.sin(TAU * turns * s)]),
  zigzag: (turns) => {
    const corners = Math.max(1, Math.round(4 * turns));
    const level = [0, -1, 0, 1];
    // Only corners: the middle crossings of inner periods lie on straight lines.
    return steps(corners, (s, i) => [2 * s - 1, level[i % 4]]).filter((_, i) => i % 2 || i === 0 || i === corners);
  },
  infinity: (turns, points) => steps(points * turns, (s) => {
    const a = TAU * turns * s;
    return [Math.sin(a), Math.sin(2 * a) / 2];
  }),
  shake: (turns, _, seed) => {
    const random = generator(seed);
    const count = Math.max(2, Math.round(turns));
    const jolts = Array.from({ length: count }, (_, i) =>
      [(i % 2 ? 1 : -1) * (0.5 + 0.5 * random()), 2 * random() - 1]);
    return [[0, 0], ...jolts, [0, 0]];
  },
  pause: () => [[-1, 0], [0, 0], [0, 0], [1, 0]],
};

/** @type {Record<PresetName, {turns: number, points: number}>} */
export const PRESET_DEFAULTS = Object.freeze({
  line: { turns: 1, points: 1 },
  arc: { turns: 1, points: 4 },
  circle: { turns: 1, points: 8 },
  spiral: { turns: 3, points: 8 },
  wave: { turns: 2, points: 4 },
  zigzag: { turns: 2, points: 4 },
  infinity: { turns: 1, points: 12 },
  shake: { turns: 12, points: 1 },
  pause: { turns: 1, points: 1 },
});

/**
 * The points of a preset. `pause` goes to the middle, stays there from a third to two thirds of the clip and goes on;
 * all others are timed by their length.
 * @param {PresetName} name
 * @param {PresetOptions} options
 * @returns {Point[]} within -1..2 of the canvas
 */
export function preset(name, options) {
  const { canvas, rotation = 0, seed = 1 } = options;
  const { width, height, frames = 2 } = canvas;
  const standard = PRESET_DEFAULTS[name];
  const turns = positive(options.turns, standard.turns);
  const each = positive(options.points, standard.points);
  const square = typeof options.size === 'number' ? { width: options.size, height: options.size } : options.size;
  const side = Math.min(width, height) / 2;
  const [halfX, halfY] = [(square?.width ?? side) / 2, (square?.height ?? side) / 2];
  const { x: centerX, y: centerY } = options.center ?? { x: width / 2, y: height / 2 };
  const [cos, sin] = [Math.cos(rotation), Math.sin(rotation)];
  const points = SHAPES[name](turns, each, seed).map(([u, v]) => {
    const [dx, dy] = [u * halfX, v * halfY];
    const [x, y] = [centerX + dx * cos - dy * sin, centerY + dx * sin + dy * cos];
    return createPoint(tidy(x / width), tidy(y / height));
  });
  const last = frames - 1;
  if (name === 'pause' && last >= 3) {
    points[1] = { ...points[1], frame: Math.round(last / 3) };
    points[2] = { ...points[2], frame: Math.round((2 * last) / 3) };
  }
  return points;
}

/**
 * `count` + 1 places from s = 0 to s = 1.
 * @param {number} count
 * @param {(s: number, index: number) => number[]} place
 */
function steps(count, place) {
  const whole = Math.min(Math.max(Math.round(count), 1), MAX_POINTS - 1);
  return Array.from({ length: whole + 1 }, (_, index) => place(index / whole, index));
}

/**
 * @param {number} angle from the top, clockwise
 * @param {number} radius
 */
function round(angle, radius) {
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
}

/**
 * @param {number|undefined} value
 * @param {number} standard
 */
function positive(value, standard) {
  return value !== undefined && Number.isFinite(value) && value > 0 ? Math.min(value, 1000) : standard;
}

/**
 * Numbers 0..1 that are the same for the same seed (a linear congruential generator, Numerical Recipes' constants).
 * @param {number} seed
 */
function generator(seed) {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}
