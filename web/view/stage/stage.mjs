/**
 * The drawing surface: four canvases on top of one another (ground, paths, entities, what is being edited), each painted
 * only when something on it changed, in one animation frame, and never while nothing happens.
 */

import { hitTest } from '../../core/hit.mjs';
import { matchEntities } from '../../core/names.mjs';
import { affectedPoints } from '../../core/selection.mjs';
import { boundingBox } from '../../core/transform.mjs';
import { Background } from '../background.mjs';
import { optionsOf } from '../options.mjs';
import { element, setText, shown } from '../panels/controls.mjs';
import { transformBox } from '../tools/box.mjs';
import { PointerInput } from '../tools/pointer.mjs';
import { selectedPoints } from '../tools/candidates.mjs';
import { Camera } from './camera.mjs';
import { drawActors } from './draw-actors.mjs';
import { drawBand, drawBox, drawPoints, drawPromise, drawSnapLines, drawStroke } from './draw-marks.mjs';
import { drawTrack } from './draw-tracks.mjs';
import { drawGround } from './ground.mjs';
import { Layer } from './layer.mjs';
import { stagePalette } from './palette.mjs';
import { snapped } from './snapping.mjs';
import { Sprites } from './sprites.mjs';

/** @typedef {import('../types.mjs').Store} Store */
/** @typedef {import('../types.mjs').Host} Host */
/** @typedef {import('../types.mjs').Playback} Playback */
/** @typedef {import('../tools/surface.mjs').Surface} Surface */
/** @typedef {import('../tools/surface.mjs').Marks} Marks */

/** Screen pixels within which something is hit. */
const REACH = 7;
const REACH_TOUCH = 16;
const MANY_TRACKS = 8;
const SNAP_NOTHING = Object.freeze(new Set());

export class Stage {
  /**
   * @param {object} options
   * @param {Store} options.store
   * @param {Host} options.host
   * @param {Playback} options.playback
   * @param {import('../frames.mjs').FrameLoop} options.frames
   * @param {(key: string, values?: Record<string, string|number>) => string} options.text
   * @param {(text: string, level?: 'info'|'warn') => void} options.say
   * @param {() => void} options.commit
   * @param {() => boolean} options.focused
   * @param {() => boolean} options.popped
   * @param {(at: {x: number, y: number}, pointer: import('../tools/surface.mjs').Pointer) => void} options.menu
   */
  constructor(options) {
    const { store, host, frames, text } = options;
    this.store = store;
    this.host = host;
    this.playback = options.playback;
    this.frames = frames;
    this.camera = new Camera();
    this.palette = stagePalette(host.isDark());
    this.layers = { ground: new Layer('ground'), paths: new Layer('paths'), actors: new Layer('actors'), marks: new Layer('marks') };
    this.readout = element('div', { class: 'readout', attributes: { 'aria-hidden': 'true' } });
    this.zoomed = element('div', { class: 'zoomed', attributes: { 'aria-hidden': 'true' } });
    this.hint = element('div', { class: 'stage-hint' }, element('p', { text: text('stage.empty') }), element('p', { class: 'soft', text: text('stage.emptyMore') }));
    this.element = element('div', {
      class: 'stage',
      attributes: {
        tabindex: 0, role: 'application', 'aria-label': text('stage.label'), 'aria-description': text('stage.help'),
        'data-capture-wheel': 'true',
      },
    }, ...Object.values(this.layers).map((layer) => layer.element), this.hint, this.readout, this.zoomed);
    this.sprites = new Sprites(() => this.repaint('actors'));
    this.background = new Background(store, host, () => this.repaint('ground'));
    /** @type {readonly import('../types.mjs').Track[]} tracks on the layer of paths, as last painted */
    this.painted = [];
    /** @type {(string|null)[]} */
    this.thumbnails = [];
    /** @type {Marks} */
    this.marks = { hovered: -1, promise: null, band: null, snapped: null, stroke: null, hideBox: false, readout: '' };
    /** @type {{document: unknown, selection: unknown, view: unknown, box: import('../tools/box.mjs').TransformBox|null}|null} */
    this.boxed = null;
    this.size = { width: 0, height: 0, stale: true };
    /** @type {Surface} */
    this.surface = {
      store, camera: this.camera, marks: this.marks, text, say: options.say, commit: options.commit,
      hits: ({ cx, cy, touch }) => hitTest(store.document, cx, cy, touch ? REACH_TOUCH : REACH, {
        view: this.camera.view, preferred: store.selection.tracks, frame: store.frame,
      }),
      box: () => this.box(),
      snap: (x, y, except = SNAP_NOTHING) => this.snap(x, y, except),
      nextTrack: () => this.nextTrack(),
      redraw: () => this.repaint('marks'),
      cursor: (cursor) => {
        if (this.element.style.cursor !== cursor) this.element.style.cursor = cursor;
      },
    };
    this.input = new PointerInput({
      element: this.element, surface: this.surface, focused: options.focused, popped: options.popped,
      menu: options.menu,
      forward: (event) => host.forwardPan?.(event),
      view: () => this.viewChanged(),
      measured: (work) => frames.measured(work),
    });
    this.camera.setCanvas(store.document);
    this.entitiesChanged();
    this.unsubscribe = store.subscribe((changed) => this.#changed(changed));
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.element);
  }

  dispose() {
    this.unsubscribe();
    this.observer.disconnect();
    this.input.dispose();
    this.background.dispose();
    this.sprites.dispose();
  }

  /** @param {...('ground'|'actors'|'paths'|'marks')} layers */
  repaint(...layers) {
    for (const layer of layers) this.layers[layer].dirty = true;
    this.frames.request();
  }

  repaintAll() {
    this.repaint('ground', 'actors', 'paths', 'marks');
  }

  resized() {
    this.size.stale = true;
    this.frames.request();
  }

  viewChanged() {
    this.repaintAll();
  }

  themeChanged() {
    this.palette = stagePalette(this.host.isDark());
    this.sprites.clear();
    this.repaintAll();
  }

  entitiesChanged() {
    const { trackState } = matchEntities(this.store.document.tracks, this.host.entities());
    this.thumbnails = trackState.map(({ entity }) => entity?.thumbnail ?? null);
    this.repaint('actors');
  }

  /** @param {Set<string>} changed */
  #changed(changed) {
    const { document } = this.store;
    if (changed.has('document')) {
      if (this.camera.setCanvas(document)) this.repaintAll();
      this.background.look();
      this.entitiesChanged();
      this.repaint('ground', 'actors', 'marks');
      this.#checkPaths();
    }
    if (changed.has('selection')) {
      this.#checkPaths();
      this.repaint('marks', 'actors');
    }
    if (changed.has('options')) this.repaintAll();
    if (changed.has('tool')) {
      this.marks.promise = null;
      this.marks.hovered = -1;
      this.input.refresh();
      this.repaint('marks');
    }
    if (changed.has('frame') || changed.has('playing')) {
      this.background.seek(this.store.frame);
      this.repaint('actors');
    }
    if (changed.has('document') || changed.has('selection')) this.input.refresh();
  }

  /** The layer of paths holds what is not selected; it is painted again only when one of those changed. */
  #checkPaths() {
    const now = this.#resting();
    if (now.length !== this.painted.length || now.some((track, i) => track !== this.painted[i])) this.repaint('paths');
  }

  /** Tracks that are shown and not selected. */
  #resting() {
    const { document, selection } = this.store;
    const chosen = new Set(selection.tracks);
    return document.tracks.filter((track, index) => !track.hidden && !chosen.has(index));
  }

  /** @param {number} now @returns {boolean} whether another frame is wanted */
  draw(now) {
    this.input.flush();
    const more = this.playback.tick(now);
    if (more) this.layers.actors.dirty = true;
    if (this.size.stale) this.#measure();
    this.frames.gathered();
    if (!this.size.width || !this.size.height) return more;
    const { layers, camera } = this;
    if (layers.ground.dirty) layers.ground.paint(camera.ratio, (context) => this.#paintGround(context));
    if (layers.actors.dirty) layers.actors.paint(camera.ratio, (context) => this.#paintActors(context));
    if (layers.paths.dirty) layers.paths.paint(camera.ratio, (context) => this.#paintPaths(context));
    if (layers.marks.dirty) layers.marks.paint(camera.ratio, (context) => this.#paintMarks(context));
    return more;
  }

  #measure() {
    this.size.stale = false;
    const { clientWidth: width, clientHeight: height } = this.element;
    this.size.width = width;
    this.size.height = height;
    if (!width || !height) return;
    const scale = this.element.getBoundingClientRect().width / width || 1;
    // In steps, so that zooming the graph does not paint everything anew at each of its steps.
    const ratio = Math.min(Math.max(Math.ceil(devicePixelRatio * scale * 4) / 4, 0.5), 3);
    if (ratio !== this.camera.ratio) this.sprites.clear();
    if (this.camera.resize(width, height, ratio)) this.repaintAll();
    for (const layer of Object.values(this.layers)) layer.resize(width, height, ratio);
    const small = width < 420 || height < 260;
    this.element.toggleAttribute('data-small', small);
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintGround(context) {
    const options = optionsOf(this.store);
    drawGround(context, {
      camera: this.camera, palette: this.palette, picture: this.background.picture(),
      grid: options.showGrid || options.snap ? options.grid : 0, guides: options.guides,
    });
    this.hint.hidden = this.store.document.tracks.length > 0 || this.size.height < 110;
    setText(this.zoomed, this.camera.fitted ? '' : `${Math.round(this.camera.view.zoom * 100)} %`);
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintActors(context) {
    const { store, camera } = this;
    const options = optionsOf(store);
    const last = store.document.frames - 1;
    drawActors(context, {
      camera, palette: this.palette, sprites: this.sprites, document: store.document, thumbnails: this.thumbnails,
      time: store.playing && options.smoothPlayback ? Math.min(this.playback.time, last) : store.frame,
      size: portraitSize(camera, store.document.tracks.length), chosen: new Set(store.selection.tracks),
      labels: options.labels, onion: options.onion, portraits: options.portraits,
    });
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintPaths(context) {
    this.painted = this.#resting();
    const drawing = this.#drawing();
    for (const track of [...this.painted].reverse()) drawTrack(context, drawing, track, 'plain');
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintMarks(context) {
    const { store, camera, palette, marks } = this;
    const { document, selection } = store;
    const drawing = this.#drawing();
    // While many tracks are dragged their marks would all be made anew in every frame.
    if (this.input.gesture && selection.tracks.length > MANY_TRACKS) drawing.ticks = false;
    if (marks.hovered >= 0 && !selection.tracks.includes(marks.hovered)) {
      const track = document.tracks[marks.hovered];
      if (track && !track.hidden) drawTrack(context, drawing, track, 'hovered');
    }
    for (const index of [...selection.tracks].sort((a, b) => b - a)) {
      const track = document.tracks[index];
      if (track && !track.hidden) drawTrack(context, drawing, track, 'selected');
    }
    drawPoints(context, camera, palette, document, selection);
    const box = store.tool === 'select' && !marks.hideBox && !marks.band ? this.box() : null;
    if (box) drawBox(context, palette, box);
    if (marks.stroke) drawStroke(context, camera, palette, marks.stroke);
    if (marks.snapped) drawSnapLines(context, camera, palette, marks.snapped);
    if (marks.promise) drawPromise(context, palette, marks.promise);
    if (marks.band) drawBand(context, palette, marks.band);
    setText(this.readout, shown(marks.readout, 120));
  }

  #drawing() {
    return { camera: this.camera, palette: this.palette, document: this.store.document, ticks: optionsOf(this.store).speedTicks };
  }

  /** The transform box of the selection, with the select tool. */
  box() {
    const { document, selection, tool } = this.store;
    if (tool !== 'select' || !optionsOf(this.store).box) return null;
    const { view } = this.camera;
    const known = this.boxed;
    if (known && known.document === document && known.selection === selection && known.view === view) return known.box;
    const box = transformBox(document, selectedPoints(this.surface), this.camera);
    this.boxed = { document, selection, view, box };
    return box;
  }

  /** What is selected, in canvas pixels. */
  selectionBounds() {
    const { document, selection } = this.store;
    return boundingBox(document, affectedPoints(document, selection));
  }

  /**
   * @param {number} x canvas pixels
   * @param {number} y
   * @param {ReadonlySet<number>} except
   * @returns {[number, number]}
   */
  snap(x, y, except) {
    const { snap, grid } = optionsOf(this.store);
    this.marks.snapped = null;
    if (!snap) return [x, y];
    const { place, lines } = snapped(this.store.document, x, y, { zoom: this.camera.view.zoom, grid, except });
    if (lines.x !== null || lines.y !== null) this.marks.snapped = lines;
    return place;
  }

  /** A new track is for the first entity that has none yet. */
  nextTrack() {
    const [entity] = matchEntities(this.store.document.tracks, this.host.entities()).missing;
    return entity ? { name: entity.name } : {};
  }
}

/**
 * @param {Camera} camera
 * @param {number} count how many there are
 * @returns {number} diameter in screen pixels, even
 */
function portraitSize(camera, count) {
  const share = count > 32 ? 0.055 : count > 12 ? 0.075 : 0.1;
  return Math.round(Math.min(Math.max(Math.min(camera.width, camera.height) * share, 20), 44) / 2) * 2;
}
