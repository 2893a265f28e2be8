/** A pop-up that inserts a ready-made shape: its kind, its few numbers and what it will look like. */

import { changed, editable, withPoints, withTrack } from '../../core/change.mjs';
import { MAX_POINTS, MAX_TRACKS, createPoint, createTrack } from '../../core/document.mjs';
import { addPoint, addTrack } from '../../core/edits.mjs';
import { curveOf } from '../../core/geometry.mjs';
import { LINEAR_PRESETS, PRESETS, PRESET_DEFAULTS, preset } from '../../core/presets.mjs';
import { activeTrack, affectedPoints, select } from '../../core/selection.mjs';
import { boundingBox } from '../../core/transform.mjs';
import { button, element, setAttribute, text } from './controls.mjs';
import { numberField } from './number-field.mjs';
import { openPopover } from './popover.mjs';

/** @typedef {import('../../core/presets.mjs').PresetName} PathName */
/** @typedef {PathName|'zoom'} PresetName `zoom`: the corners of a rectangle that grows or shrinks, four tracks of one name */
/** @typedef {import('../types.mjs').Point} Point */
/** @typedef {{x: number, y: number, width: number, height: number, rotation: number, turns: number, points: number, seed: number,
 *   factor: number}} Numbers */

const NAMESPACE = 'http://www.w3.org/2000/svg';
const PREVIEW_HEIGHT = 120;
/** @type {readonly PresetName[]} */
const SHAPES = [...PRESETS, 'zoom'];

/** Numbers that a shape has beside place, size and rotation. @type {Readonly<Record<PresetName, readonly ('turns'|'points'|'seed'|'factor')[]>>} */
const OWN = Object.freeze({
  line: [], arc: ['points'], circle: ['turns', 'points'], spiral: ['turns', 'points'], wave: ['turns', 'points'],
  zigzag: ['turns'], infinity: ['turns', 'points'], shake: ['turns', 'seed'], pause: [], zoom: ['factor'],
});

/**
 * @param {import('../types.mjs').Context} context
 * @returns {{open: (anchor: HTMLElement) => void, update: (changed: Set<string>) => void, dispose: () => void}}
 */
export function createPresets({ store, host }) {
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);
  /** @type {PresetName} */
  let name = 'circle';
  /** @type {Numbers|null} */
  let numbers = null;
  /** @type {{close: () => void}|null} */
  let opened = null;
  let show = () => {};

  /** @returns {Point[][]} one list a track */
  function paths() {
    return pathsOf(name, /** @type {Numbers} */ (numbers), store.document);
  }

  /** Where the selection is, or else in the middle of the canvas. @returns {Numbers} */
  function standard() {
    const { document, selection } = store;
    const side = Math.round(Math.min(document.width, document.height) / 2);
    const box = selection.tracks.length ? boundingBox(document, affectedPoints(document, selection)) : null;
    const sized = box && Math.min(box.right - box.left, box.bottom - box.top) > 8 ? box : null;
    return {
      x: Math.round(box?.centerX ?? document.width / 2), y: Math.round(box?.centerY ?? document.height / 2),
      width: sized ? Math.round(sized.right - sized.left) : side, height: sized ? Math.round(sized.bottom - sized.top) : side,
      rotation: 0, ...standardOf(name), seed: 1, factor: 150,
    };
  }

  /** @param {HTMLElement} anchor */
  function open(anchor) {
    numbers = { ...standard(), ...(numbers && { rotation: numbers.rotation, seed: numbers.seed }) };
    const content = build(numbers);
    opened = openPopover(anchor, content, { label: say('presets.title'), closed: () => { opened = null; show = () => {}; } });
    if (!opened) return;
    show();
    /** @type {HTMLElement|null} */ (content.querySelector('[role="radio"][tabindex="0"]'))?.focus();
  }

  /** @param {Numbers} given */
  function build(given) {
    const shapes = SHAPES.map((choice) => {
      const label = say(`presets.${choice}`);
      const tile = element('button', {
        class: 'shape', attributes: { type: 'button', role: 'radio' }, on: { click: () => choose(choice) },
      }, thumbnail(choice), element('span', { text: label }));
      return { choice, tile };
    });
    const group = element('div', {
      class: 'shapes', attributes: { role: 'radiogroup', 'aria-label': say('presets.title') }, on: { keydown: onShapeKey },
    }, ...shapes.map(({ tile }) => tile));

    /**
     * @param {keyof Numbers} key
     * @param {string} caption
     * @param {Partial<import('./number-field.mjs').NumberOptions>} options
     */
    const field = (key, caption, options) => {
      const made = numberField({
        label: say(`presets.${caption}`), caption: say(`presets.${caption}`), digits: 0, ...options,
        change: (value) => {
          given[key] = value;
          preview();
        },
      });
      return { key, ...made };
    };
    const fields = [
      field('x', 'centerX', { unit: 'px' }), field('y', 'centerY', { unit: 'px' }),
      field('width', 'width', { unit: 'px', min: 1 }), field('height', 'height', { unit: 'px', min: 1 }),
      field('rotation', 'rotation', { unit: '°' }), field('turns', 'turns', { min: 0.25, max: 100, step: 0.25, digits: 2 }),
      field('points', 'points', { min: 3, max: 64 }),
      field('factor', 'factor', { unit: '%', min: 5, max: 1000, step: 5 }), field('seed', 'seed', { min: 1, max: 9999 }),
    ];
    const drawing = svg('svg', { class: 'drawing', role: 'img', 'aria-label': say('presets.preview') });
    const make = button({ label: say('presets.new'), showLabel: true, class: 'primary', run: () => insert('new') });
    const replace = button({ label: say('presets.replace'), showLabel: true, run: () => insert('replace') });
    const append = button({ label: say('presets.append'), showLabel: true, run: () => insert('append') });

    function preview() {
      const { document } = store;
      const made = paths();
      setAttribute(drawing, 'viewBox', `0 0 ${document.width} ${document.height}`);
      const pixel = document.height / PREVIEW_HEIGHT;
      drawing.replaceChildren(
        svg('rect', { class: 'frame', width: document.width, height: document.height, 'stroke-width': pixel, 'vector-effect': 'non-scaling-stroke' }),
        ...made.map((points) => svg('path', {
          d: pathData(curveOf(createTrack(points, { interpolation: interpolationOf(name) }), document).places),
          'vector-effect': 'non-scaling-stroke',
        })),
        ...made.flat().map((point, index) => svg('circle', {
          class: 'dot', cx: point.x * document.width, cy: point.y * document.height, r: pixel * (index % made[0].length ? 1.6 : 3),
        })),
      );
    }

    show = () => {
      const { document } = store;
      for (const { choice, tile } of shapes) {
        setAttribute(tile, 'aria-checked', String(choice === name));
        tile.tabIndex = choice === name ? 0 : -1;
      }
      for (const one of fields) {
        one.set(given[one.key]);
        one.element.hidden = ['turns', 'points', 'seed', 'factor'].includes(one.key) && !OWN[name].includes(/** @type {any} */ (one.key));
      }
      const active = document.tracks[activeTrack(store.selection)];
      make.disabled = document.tracks.length + (name === 'zoom' ? 4 : 1) > MAX_TRACKS;
      replace.disabled = !active || active.locked || name === 'zoom';
      append.disabled = replace.disabled || active.points.length >= MAX_POINTS;
      preview();
    };

    /** @param {PresetName} choice */
    function choose(choice) {
      name = choice;
      Object.assign(given, standardOf(choice));
      show();
    }

    /** @param {KeyboardEvent} event */
    function onShapeKey(event) {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      choose(SHAPES[(SHAPES.indexOf(name) + step + SHAPES.length) % SHAPES.length]);
      shapes[SHAPES.indexOf(name)].tile.focus();
      event.preventDefault();
      event.stopPropagation();
    }

    const sheet = element('div', {
      class: 'sheet',
      on: {
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === 'Escape') {
            event.preventDefault(); // or the browser would close the window below as well
            opened?.close();
          }
          if (event.key !== 'Tab') event.stopPropagation();
        },
      },
    }, element('h2', { text: say('presets.title') }), group, element('div', { class: 'preview' }, drawing),
    element('div', { class: 'numbers' }, ...fields.map((one) => one.element)),
    element('div', { class: 'actions' }, append, replace, make));
    sheet.addEventListener('keydown', (event) => {
      // The field takes what was typed first.
      if (event.key === 'Enter' && event.target instanceof HTMLInputElement) setTimeout(() => opened && !make.disabled && insert('new'));
    }, true);
    return sheet;
  }

  /** @param {'new'|'replace'|'append'} how */
  function insert(how) {
    const made = paths();
    /** @type {Partial<import('../types.mjs').Track>} */
    const fields = { interpolation: interpolationOf(name), kind: 'path', ...(name === 'zoom' && { name: say('presets.zoomName') }) };
    const active = activeTrack(store.selection);
    const done = store.edit(say('step.shape'), (document) => {
      if (how === 'append') return appended(document, active, made[0]);
      if (how === 'replace') return replaced(document, active, made[0], fields);
      const next = made.reduce((result, points) => addTrack(result, points, fields), document);
      const first = document.tracks.length;
      return next === document ? document
        : { document: next, selection: select({ tracks: next.tracks.slice(first).map((_, index) => first + index) }) };
    });
    if (!done && how === 'new') host.notify('warn', say('presets.full', { limit: MAX_TRACKS }));
    opened?.close();
  }

  return {
    open,
    update: (what) => {
      if (opened && (what.has('document') || what.has('selection'))) show();
    },
    dispose: () => opened?.close(),
  };
}

/**
 * The shape goes on where the track ends.
 *
 * @param {import('../types.mjs').Document} document
 * @param {number} track
 * @param {readonly Point[]} made
 */
function appended(document, track, made) {
  const end = document.tracks[track]?.points.at(-1);
  if (!end) return document;
  const [dx, dy] = [end.x - made[0].x, end.y - made[0].y];
  return made.slice(1).reduce((result, { x, y }) => addPoint(result, track, { x: x + dx, y: y + dy }), document);
}

/**
 * The track becomes the shape, and stays the same track otherwise.
 *
 * @param {import('../types.mjs').Document} document
 * @param {number} track
 * @param {readonly Point[]} made
 * @param {Partial<import('../types.mjs').Track>} fields
 */
function replaced(document, track, made, fields) {
  const old = editable(document, track);
  return old ? withTrack(document, track, changed(withPoints(old, made), fields)) : document;
}

/** @param {PresetName} name */
function standardOf(name) {
  return name === 'zoom' ? { turns: 1, points: 2 } : PRESET_DEFAULTS[name];
}

/** @param {PresetName} name @returns {'smooth'|'linear'} */
function interpolationOf(name) {
  return name === 'zoom' || LINEAR_PRESETS.includes(name) ? 'linear' : 'smooth';
}

/**
 * @param {PresetName} name
 * @param {Numbers} given
 * @param {import('../types.mjs').Canvas} canvas
 * @returns {Point[][]} one list a track
 */
function pathsOf(name, given, canvas) {
  const options = { canvas, center: { x: given.x, y: given.y }, rotation: (given.rotation * Math.PI) / 180 };
  if (name !== 'zoom') {
    const { width, height, turns, points, seed } = given;
    return [preset(name, { ...options, size: { width, height }, turns, points, seed })];
  }
  // Each corner goes from its place at the first size to that at the last.
  const [cos, sin] = [Math.cos(options.rotation), Math.sin(options.rotation)];
  return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([u, v]) => [1, given.factor / 100].map((size) => {
    const [dx, dy] = [(u * size * given.width) / 2, (v * size * given.height) / 2];
    return createPoint((given.x + dx * cos - dy * sin) / canvas.width, (given.y + dx * sin + dy * cos) / canvas.height);
  }));
}

/** @param {PresetName} name */
function thumbnail(name) {
  const canvas = { width: 34, height: 26, frames: 10, fps: 8 };
  const [width, height] = name === 'zoom' ? [12, 8] : [28, 20];
  const made = pathsOf(name, { x: 17, y: 13, width, height, rotation: 0, seed: 1, factor: 230, ...standardOf(name) }, canvas);
  const drawing = svg('svg', { class: 'drawing', viewBox: '0 0 34 26', 'aria-hidden': 'true' });
  for (const points of made) {
    const track = createTrack(points, { interpolation: interpolationOf(name) });
    drawing.append(svg('path', { d: pathData(curveOf(track, canvas).places) }));
  }
  if (name === 'zoom') drawing.append(svg('rect', { x: 11, y: 9, width: 12, height: 8 }));
  if (name === 'pause') drawing.append(svg('circle', { cx: 17, cy: 13, r: 2.5, fill: 'currentColor' }));
  return drawing;
}

/** @param {ArrayLike<number>} places x0, y0, x1, y1, ... */
function pathData(places) {
  let data = '';
  for (let i = 0; i < places.length; i += 2) data += `${i ? 'L' : 'M'}${places[i].toFixed(1)} ${places[i + 1].toFixed(1)}`;
  return data;
}

/**
 * @param {string} tag
 * @param {Record<string, string|number>} attributes
 */
function svg(tag, attributes) {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
