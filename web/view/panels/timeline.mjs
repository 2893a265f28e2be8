/** The timeline: ruler with the playhead, one lane a track with its keys, and the row of buttons above them. */

import { activeTrack } from '../../core/selection.mjs';
import { keyAt } from '../../core/timing.mjs';
import { FrameLoop } from '../frames.mjs';
import { element, setAttribute, setText, shown, text } from './controls.mjs';
import { openMenu } from './popover.mjs';
import { LANE, RULER, drawLane, drawRuler, laneFacts, sameLane } from './timeline-draw.mjs';
import { watchLanes, watchWheel } from './timeline-input.mjs';
import { laneKeys } from './timeline-keys.mjs';
import { laneItems } from './timeline-menu.mjs';
import { TimeScale } from './timeline-scale.mjs';
import { createTransport } from './transport.mjs';

const HEAD_WIDE = 116;
const HEAD_NARROW = 64;
const NARROW = 480;
/** More device pixels than these a CSS pixel cannot be seen. */
const MAX_RATIO = 4;
const EMPTY = Object.freeze(new Set());

/**
 * @param {import('../types.mjs').Context} context
 * @returns {import('../types.mjs').Panel & {relayout: () => void}}
 */
export function createTimeline(context) {
  const { store, host, playback } = context;
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);
  const scale = new TimeScale();
  const marks = { track: -1, point: -1, band: /** @type {any} */ (null) };
  let all = true;
  let stale = true; // size and theme are to be read again
  /** @type {number[]} */
  let lanes = [];
  /** What can be seen, now or after the next frame. */
  let drawn = { document: store.document, lanes: /** @type {number[]} */ ([]) };
  /** @type {import('./timeline-draw.mjs').Colors} */
  let colors = { text: '#fff', soft: '#aaa', line: '#333', background: '#111', chosen: '#234', accent: '#4af' };

  const rulerCanvas = element('canvas', { attributes: { 'aria-hidden': 'true' } });
  const ruler = element('div', {
    class: 'ruler',
    attributes: { role: 'slider', tabindex: 0, 'aria-label': say('timeline.playhead'), 'aria-valuemin': 0 },
    on: { keydown: onRulerKey, pointerdown: onScrub, pointermove: onScrub, dblclick: () => zoom(null) },
  }, rulerCanvas);
  const laneCanvas = element('canvas', { attributes: { 'aria-hidden': 'true' } });
  const spacer = element('div');
  const live = element('div', { class: 'hidden-text', attributes: { role: 'status', 'aria-live': 'polite' } });
  const box = element('div', {
    class: 'lanes',
    attributes: {
      role: 'application', tabindex: 0, 'aria-label': say('timeline.lanes'), 'aria-description': say('timeline.help'),
      'data-capture-wheel': 'true', title: '',
    },
    on: { scroll: () => loop.request(), focus: announce },
  }, laneCanvas, spacer);
  const head = element('div', { class: 'head' });
  const clip = element('div', { class: 'head-clip', attributes: { 'aria-hidden': 'true' } }, head);
  const time = element('div', { class: 'time' }, ruler, box, clip, live);
  const transport = createTransport(context, { addKey, zoom, showAll: (on) => { all = on; arrange(); } });
  const panel = element('section', { class: 'panel timeline', attributes: { 'aria-label': say('timeline.label') } }, transport.element, time);

  const loop = new FrameLoop(() => {
    draw();
    return false;
  });
  const observer = new ResizeObserver(relayout);
  observer.observe(time);
  const stopWatching = watchLanes(context, { element: box, scale, lanes: () => lanes, marks, redraw: () => loop.request(), say: (said) => setText(live, said) });
  watchWheel(box, scale, viewChanged);
  watchWheel(ruler, scale, viewChanged);
  const onKey = laneKeys(context, () => lanes, (hit) => {
    const place = box.getBoundingClientRect();
    const ratio = place.width / (box.offsetWidth || 1) || 1;
    const y = place.top + (Math.max(lanes.indexOf(hit.track) + 1, 0) * LANE - box.scrollTop) * ratio;
    openMenu(box, laneItems(context, hit), { label: say('timeline.lanes'), at: { x: place.left + scale.x(hit.time) * ratio, y } });
  });
  box.addEventListener('keydown', (event) => {
    if (!onKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
    announce();
  });
  const stopListening = host.onChange((what) => {
    if (what === 'theme') relayout();
  });

  function relayout() {
    stale = true;
    loop.request();
  }

  function viewChanged() {
    placeHead();
    loop.request();
  }

  /** @param {number|null} factor */
  function zoom(factor) {
    if (factor === null) scale.showAll();
    else scale.zoom(scale.x(Math.min(Math.max(store.frame, scale.from), scale.to)), factor);
    viewChanged();
  }

  function addKey() {
    const frame = store.frame;
    store.edit(say('step.addKey'), (document) => store.selection.tracks.reduce((result, track) => keyAt(result, track, frame), document));
  }

  /** Which lanes there are, and that the active one can be seen. */
  function arrange() {
    const { document, selection } = store;
    const chosen = new Set(selection.tracks);
    const indices = document.tracks.map((_, index) => index);
    lanes = all || chosen.size === 0 ? indices : indices.filter((index) => chosen.has(index));
    const height = `${Math.max(lanes.length * LANE, 1)}px`;
    if (spacer.style.height !== height) spacer.style.height = height;
    loop.request();
  }

  function reveal() {
    const lane = lanes.indexOf(activeTrack(store.selection));
    if (lane < 0 || !box.clientHeight) return;
    if (lane * LANE < box.scrollTop) box.scrollTop = lane * LANE;
    else if ((lane + 1) * LANE > box.scrollTop + box.clientHeight) box.scrollTop = (lane + 1) * LANE - box.clientHeight;
  }

  /** @param {Set<string>} changed whether nothing of it can be seen here: tracks were moved on the canvas */
  function looksTheSame(changed) {
    if ([...changed].some((aspect) => aspect !== 'document' && aspect !== 'history')) return false;
    const [before, { document }] = [drawn.document, store];
    return before.tracks.length === document.tracks.length && before.frames === document.frames &&
      before.width === document.width && before.height === document.height &&
      drawn.lanes.every((index) => sameLane(before.tracks[index], document.tracks[index], document));
  }

  function placeHead() {
    const x = scale.x(store.frame) - scale.head;
    head.style.transform = `translateX(${x}px)`;
    head.hidden = x < 0;
    setAttribute(ruler, 'aria-valuenow', store.frame);
    setAttribute(ruler, 'aria-valuemax', store.document.frames - 1);
    setAttribute(ruler, 'aria-valuetext', say('timeline.value', { frame: store.frame, last: store.document.frames - 1 }));
  }

  function measure() {
    stale = false;
    scale.width = box.clientWidth;
    scale.head = scale.width < NARROW ? HEAD_NARROW : HEAD_WIDE;
    clip.style.left = `${scale.head}px`;
    clip.style.width = `${Math.max(scale.width - scale.head, 0)}px`;
    const probe = getComputedStyle(panel);
    const read = (/** @type {string} */ name) => resolved(panel, probe.getPropertyValue(name));
    colors = {
      text: read('--t-fg'), soft: read('--t-soft'), line: read('--t-line'), background: read('--t-bg'),
      chosen: read('--t-chosen'), accent: read('--t-accent'),
    };
    placeHead();
  }

  function draw() {
    if (stale || box.clientWidth !== scale.width) measure();
    if (scale.width === 0) return;
    const { document, selection } = store;
    const shownScale = time.getBoundingClientRect().width / (time.offsetWidth || 1) || 1;
    const ratio = Math.min(Math.ceil(devicePixelRatio * shownScale * 2) / 2, MAX_RATIO);
    drawRuler(prepared(rulerCanvas, ruler.clientWidth, RULER, ratio), scale, colors);

    drawn = { document, lanes: [] };
    const context2d = prepared(laneCanvas, scale.width, box.clientHeight, ratio);
    const top = box.scrollTop;
    const first = Math.floor(top / LANE);
    const last = Math.min(Math.ceil((top + box.clientHeight) / LANE), lanes.length);
    const chosen = new Set(selection.tracks);
    const active = activeTrack(selection);
    const points = pointsByTrack(selection.points);
    for (let lane = first; lane < last; lane++) {
      const index = lanes[lane];
      if (!document.tracks[index]) continue; // gone since the lanes were arranged
      drawn.lanes.push(index);
      context2d.save();
      context2d.translate(0, lane * LANE - top);
      drawLane(context2d, {
        track: document.tracks[index], selected: chosen.has(index), active: index === active,
        points: points.get(index) ?? EMPTY, hovered: marks.track === index ? marks.point : -1,
      }, document, scale, colors);
      context2d.restore();
    }
    context2d.fillStyle = colors.line;
    context2d.fillRect(scale.head - 1, 0, 1, box.clientHeight);
    if (marks.band) drawBand(context2d, marks.band, top, colors);
  }

  /** @param {PointerEvent} event */
  function onScrub(event) {
    if (event.type === 'pointerdown') {
      if (event.button !== 0) return;
      ruler.setPointerCapture(event.pointerId);
      ruler.focus({ preventScroll: true });
      playback.pause();
    } else if (!ruler.hasPointerCapture(event.pointerId)) return;
    event.stopPropagation();
    const place = ruler.getBoundingClientRect();
    playback.seek(scale.frame(((event.clientX - place.left) * ruler.offsetWidth) / (place.width || 1)));
  }

  /** @param {KeyboardEvent} event */
  function onRulerKey(event) {
    const far = event.shiftKey ? 10 : 1;
    const steps = { ArrowRight: far, ArrowUp: far, ArrowLeft: -far, ArrowDown: -far, PageUp: 10, PageDown: -10 };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step) playback.step(step);
    else if (event.key === 'Home') playback.seek(0);
    else if (event.key === 'End') playback.seek(scale.last);
    else if (event.key === ' ') playback.toggle();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Says to screen readers where the keyboard is. */
  function announce() {
    const { document, selection } = store;
    const track = document.tracks[activeTrack(selection)];
    if (!track) return setText(live, '');
    const point = selection.points.findLast(([index]) => index === activeTrack(selection))?.[1];
    const key = laneFacts(track, document).keys.find(({ index }) => index === point);
    const name = shown(track.name);
    setText(live, key ? say('timeline.key', { name, frame: round(key.frame), index: key.index + 1 }) : say('timeline.noKey', { name }));
  }

  scale.setClip(store.document.frames - 1);
  arrange();
  return {
    element: panel,
    relayout,
    update(changed) {
      transport.update(changed);
      if (looksTheSame(changed)) return;
      drawn = { document: store.document, lanes: drawn.lanes };
      if (changed.has('document')) scale.setClip(store.document.frames - 1);
      if (changed.has('frame') || changed.has('document')) {
        if (store.playing && scale.reveal(store.frame)) loop.request();
        placeHead();
      }
      if (changed.has('document') || changed.has('selection')) arrange();
      if (changed.has('selection')) reveal();
    },
    dispose() {
      loop.dispose();
      observer.disconnect();
      stopWatching();
      stopListening();
      transport.dispose();
    },
  };
}

/**
 * A canvas of the right size, cleared, with its context in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width CSS pixels
 * @param {number} height
 * @param {number} ratio
 */
function prepared(canvas, width, height, ratio) {
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, w, h);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/**
 * A CSS colour, mixed ones too, as a canvas takes it.
 *
 * @param {HTMLElement} home
 * @param {string} value
 * @returns {string}
 */
function resolved(home, value) {
  const probe = element('span');
  probe.style.color = value;
  home.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/**
 * @param {readonly (readonly [number, number])[]} points
 * @returns {Map<number, Set<number>>}
 */
function pointsByTrack(points) {
  /** @type {Map<number, Set<number>>} */
  const found = new Map();
  for (const [track, point] of points) found.set(track, (found.get(track) ?? new Set()).add(point));
  return found;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{left: number, top: number, right: number, bottom: number}} band
 * @param {number} scrolled
 * @param {import('./timeline-draw.mjs').Colors} colors
 */
function drawBand(context, band, scrolled, colors) {
  context.strokeStyle = colors.accent;
  context.setLineDash([3, 3]);
  context.strokeRect(band.left + 0.5, band.top - scrolled + 0.5, band.right - band.left, band.bottom - band.top);
  context.setLineDash([]);
}

/** @param {number} frame */
function round(frame) {
  return Math.round(frame * 100) / 100;
}
