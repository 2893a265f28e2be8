/** The trajectory editor: puts its parts together in a shadow root. It knows its host only through `types.mjs`' Host. */

import { emptyDocument } from '../core/document.mjs';
import { Store } from '../core/store.mjs';
import { openBackground } from './background-panel.mjs';
import { Clipboard } from './clipboard.mjs';
import { createCommands } from './commands.mjs';
import { FrameLoop } from './frames.mjs';
import { Keyboard } from './keyboard.mjs';
import { menusOnRelease, openStageMenu } from './menu.mjs';
import { button, element, setText, text as translate } from './panels/controls.mjs';
import { createInspector } from './panels/inspector.mjs';
import { createPresets } from './panels/presets.mjs';
import { STYLE } from './panels/style.mjs';
import { createTimeline } from './panels/timeline.mjs';
import { createToolbar } from './panels/toolbar.mjs';
import { createTracks } from './panels/tracks.mjs';
import { createTransfer } from './panels/transfer.mjs';
import { createPlayback } from './playback.mjs';
import { Shell } from './shell.mjs';
import { Stage } from './stage/stage.mjs';
import { STAGE_STYLE } from './stage/style.mjs';
import { cycle } from './tools/candidates.mjs';
import { TOOLBAR_ICONS, toolbarGroups } from './toolbar-groups.mjs';
import { Value } from './value.mjs';
import { watchZoom } from './zoom.mjs';

/** @typedef {import('./types.mjs').Host} Host */
/** @typedef {import('./types.mjs').Panel} Panel */

/** @type {CSSStyleSheet|undefined} */
let sheet;

/** Read by the browser once, for all editors. */
function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE + STAGE_STYLE);
  }
  return sheet;
}

/**
 * @typedef {object} Editor
 * @property {string} value setting it never throws: what cannot be read is kept, and the user is told
 * @property {Store} store
 * @property {Stage} stage the drawing surface, for tests
 * @property {() => void} relayout after the element got another size or scale
 * @property {(closed?: () => void) => void} openLarge `closed` is called when the window is closed again
 * @property {() => void} closeLarge
 * @property {() => void} dispose
 * @property {() => {frames: number[], pointer: number[]}} stats milliseconds of scripting since the last call; the first
 *   call starts the measuring
 */

const ALL = ['document', 'selection', 'frame', 'playing', 'tool', 'options', 'history'];

/**
 * @param {HTMLElement} root empty; its size is the editor's
 * @param {Host} host
 * @returns {Editor}
 */
export function createEditor(root, host) {
  const shadow = root.shadowRoot ?? root.attachShadow({ mode: 'open' });
  const live = element('div', { class: 'hidden-text', attributes: { role: 'status', 'aria-live': 'polite' } });
  const notice = element('div', { class: 'notice', attributes: { role: 'alert', hidden: true } });
  const main = element('div', { class: 'tora2' }, live);
  shadow.adoptedStyleSheets = [styleSheet()];
  shadow.replaceChildren(main);

  /** @param {string} key @param {Record<string, string|number>} [values] */
  const text = (key, values) => translate(host, key, values);
  /** @param {string} message @param {'info'|'warn'|'error'} [level] */
  const say = (message, level = 'info') => {
    live.textContent = message;
    if (level !== 'info') host.notify(level, message);
  };

  /** @type {Set<string>} what the panels have not been told yet */
  let stale = new Set(ALL);
  /** @type {Pick<Panel, 'update'|'dispose'>[]} */
  const panels = [];

  const store = new Store(emptyDocument(host.canvas()));
  /** @type {FrameLoop} */
  const frames = new FrameLoop((now) => draw(now));
  const playback = createPlayback(store, () => frames.request());
  const shell = new Shell(main, text, () => {
    stage.resized();
    stale = new Set(ALL);
    frames.request();
  });
  /** @type {{x: number, y: number}|null} where the pointer was when the focus came by the keyboard: nobody points there */
  let resting = null;
  /** @returns {HTMLElement|null} an open menu or pop-up */
  const popup = () => main.querySelector(':popover-open');
  let pressed = false;
  const value = new Value(store, host, {
    busy: () => pressed || keyboard.held || stage.input.gesture !== null, problem: showProblem, text,
  });
  /** @type {Stage} */
  const stage = new Stage({
    store, host, playback, frames, text, say,
    commit: () => queueMicrotask(() => value.settle()),
    focused: () => shell.isLarge() || (shadow.activeElement !== null && root.ownerDocument.activeElement === root),
    popped: () => popup() !== null,
    menu: (at, pointer) => openStageMenu(desk, commands, at, pointer),
  });
  const clipboard = new Clipboard(main, { store, host, text, say });
  const desk = { store, host, playback, stage, clipboard, text, say, shell };
  const commands = createCommands(desk);
  const context = { store, host, playback, commands };
  const presets = createPresets(context);
  const transfer = createTransfer(context);
  const toolbar = createToolbar(context, toolbarGroups(commands, text, {
    background: (anchor) => openBackground(desk, anchor), shapes: presets.open, transfer: () => transfer.open(),
  }), TOOLBAR_ICONS);
  const tracks = createTracks(context);
  const inspector = createInspector(context);
  const timeline = createTimeline(context);
  const side = element('div', { class: 'side' }, tracks.element, inspector.element);
  /** @type {Keyboard} */
  const keyboard = new Keyboard(main, {
    commands, stage, settle: () => value.settle(),
    closePopped: () => {
      const open = popup();
      open?.hidePopover();
      return open !== null;
    },
    cycle: (step) => {
      const { last } = stage.input;
      if (!last || (last.x === resting?.x && last.y === resting.y)) return false;
      const [cx, cy] = stage.camera.toCanvas(last.x, last.y);
      return cycle(stage.surface, { cx, cy, touch: last.touch }, step);
    },
    menu: openMenuByKeyboard, historyKey: (run) => host.historyKey(run),
  });

  panels.push(toolbar, tracks, inspector, timeline, presets, transfer);
  main.append(transfer.element);
  shell.fill({ toolbar: toolbar.element, stage: stage.element, timeline: timeline.element, side, notice });

  const stops = [
    store.subscribe((changed) => {
      for (const aspect of changed) stale.add(aspect);
      frames.request();
    }),
    host.onChange((what) => {
      if (what === 'canvas') value.canvasChanged();
      if (what === 'entities') stage.entitiesChanged();
      if (what === 'background') stage.background.look();
      if (what === 'theme') showTheme();
    }),
  ];
  watchPresses();
  stops.push(watchZoom(main, () => {
    stage.resized();
    timeline.relayout();
  }));
  stage.element.addEventListener('focus', () => {
    resting = pressed ? null : stage.input.last;
  });
  stops.push(menusOnRelease(main));
  showTheme();

  /** @param {number} now @returns {boolean} whether another frame is wanted */
  function draw(now) {
    const more = stage.draw(now);
    if (stale.size) {
      const changed = stale;
      stale = new Set();
      for (const panel of panels) panel.update(changed);
    }
    return more;
  }

  /** Edits are finished when no button is held: sliders and drags of the panels are one edit each. */
  function watchPresses() {
    const released = () => {
      view?.removeEventListener('pointerup', released, true);
      view?.removeEventListener('pointercancel', released, true);
      pressed = false;
      // After the part that has the gesture ended it.
      setTimeout(() => value.settle());
    };
    const view = root.ownerDocument.defaultView;
    main.addEventListener('pointerdown', () => {
      pressed = true;
      view?.addEventListener('pointerup', released, true);
      view?.addEventListener('pointercancel', released, true);
    }, true);
    stops.push(released);
  }

  function showTheme() {
    main.dataset.theme = host.isDark() ? 'dark' : 'light';
    stage.themeChanged();
    stale = new Set(ALL);
  }

  function openMenuByKeyboard() {
    const rect = stage.element.getBoundingClientRect();
    const point = store.selection.points[0];
    const [track, index] = point ?? [store.selection.tracks.at(-1) ?? -1, 0];
    const place = store.document.tracks[track]?.points[index];
    const { camera } = stage;
    const [x, y] = place
      ? camera.toScreen(place.x * store.document.width, place.y * store.document.height)
      : [camera.width / 2, camera.height / 2];
    const [cx, cy] = camera.toCanvas(x, y);
    const scale = rect.width / (camera.width || 1);
    openStageMenu(desk, commands, { x: rect.left + x * scale, y: rect.top + y * scale }, {
      x, y, cx, cy, time: 0, shift: false, alt: false, mod: false, touch: false, double: false,
    });
  }

  /** @param {string|null} problem */
  function showProblem(problem) {
    notice.hidden = problem === null;
    if (problem === null) return notice.replaceChildren();
    const message = element('p', { text: problem });
    const explain = element('p', { text: text('notice.kept') });
    notice.replaceChildren(message, explain, element('div', { class: 'buttons' },
      button({ label: text('notice.copy'), showLabel: true, run: () => void navigator.clipboard?.writeText(value.get()).catch(() => {}) }),
      button({ label: text('notice.startAnew'), showLabel: true, class: 'primary', run: () => value.startAnew() })));
    setText(live, problem);
  }

  return {
    get value() {
      return value.get();
    },
    set value(given) {
      stage.input.cancel();
      value.set(given);
    },
    store,
    stage,
    relayout() {
      shell.relayout();
    },
    openLarge: (closed) => shell.openLarge(closed),
    closeLarge: () => shell.closeLarge(),
    stats: () => frames.stats(),
    dispose() {
      value.dispose();
      for (const stop of stops) stop();
      shell.dispose();
      keyboard.dispose();
      clipboard.dispose();
      for (const panel of panels) panel.dispose();
      playback.dispose();
      stage.dispose();
      frames.dispose();
      shadow.replaceChildren();
    },
  };
}
