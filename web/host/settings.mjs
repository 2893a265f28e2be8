// What a user sets once for all drawings. Names and explanations are translated in locales/<language>/settings.json.

/** @import { Comfy } from './comfy.mjs' */

const MIN_HEIGHT = 'Tora2.Editor.MinHeight';
const HEIGHT = { default: 440, min: 280, max: 1600 };

/** Setting of each option that a new editor starts with. */
const OPTIONS = /** @type {const} */ ({
  'Tora2.Editor.SpeedTicks': 'speedTicks',
  'Tora2.Editor.Labels': 'labels',
  'Tora2.Editor.Loop': 'loop',
  'Tora2.Editor.Onion': 'onion',
  'Tora2.Editor.Snap': 'snap',
  'Tora2.Editor.Grid': 'grid',
});

/** In the order in which the dialog shows them: by `sortOrder`, highest first. */
export const SETTINGS = [
  {
    id: MIN_HEIGHT,
    name: 'Least height of the editor in its node',
    tooltip: 'In pixels at 100 % zoom. It holds for nodes that are made or loaded after the change.',
    type: 'slider',
    attrs: { min: HEIGHT.min, max: HEIGHT.max, step: 20 },
    defaultValue: HEIGHT.default,
  },
  {
    id: 'Tora2.Editor.SpeedTicks',
    name: 'Mark frames on the paths',
    tooltip: 'One tick a frame: the wider apart, the faster. Each editor has a switch for it as well.',
    type: 'boolean',
    defaultValue: true,
  },
  {
    id: 'Tora2.Editor.Labels',
    name: 'Write names beside the tracks',
    type: 'boolean',
    defaultValue: true,
  },
  {
    id: 'Tora2.Editor.Loop',
    name: 'Play in a loop',
    type: 'boolean',
    defaultValue: true,
  },
  {
    id: 'Tora2.Editor.Onion',
    name: 'Show where things are some frames earlier and later',
    type: 'boolean',
    defaultValue: false,
  },
  {
    id: 'Tora2.Editor.Snap',
    name: 'Snap to the grid',
    type: 'boolean',
    defaultValue: false,
  },
  {
    id: 'Tora2.Editor.Grid',
    name: 'Width of the grid',
    tooltip: 'In pixels of the canvas.',
    type: 'slider',
    attrs: { min: 2, max: 128, step: 2 },
    defaultValue: 16,
  },
].map((setting, index, all) => ({
  ...setting,
  category: ['Tora2', 'Trajectory editor', setting.name],
  sortOrder: all.length - index,
}));

/**
 * @param {Comfy} comfy
 * @returns {number} pixels, also if settings.json holds nonsense
 */
export function minHeight({ app }) {
  const value = Number(app.extensionManager?.setting.get(MIN_HEIGHT));
  return Number.isFinite(value) ? Math.min(Math.max(value, HEIGHT.min), HEIGHT.max) : HEIGHT.default;
}

/**
 * @param {Comfy} comfy
 * @returns {Record<string, boolean | number>} options of a new editor
 */
export function firstOptions({ app }) {
  /** @type {Record<string, boolean | number>} */
  const options = {};
  for (const [id, option] of Object.entries(OPTIONS)) {
    const value = app.extensionManager?.setting.get(id);
    if (option === 'grid' ? Number(value) >= 1 : typeof value === 'boolean') {
      options[option] = option === 'grid' ? Number(value) : /** @type {boolean} */ (value);
    }
  }
  return options;
}
