/**
 * Everything a user can do, in one table: toolbar, keyboard and context menu run the same commands. A command's name is
 * also that of its icon, and `command.<name>` is the key of its label.
 */

import { NOTHING } from '../core/selection.mjs';
import { editCommands } from './commands-edit.mjs';
import { optionsOf, setOptions } from './options.mjs';

/** @typedef {import('./types.mjs').Command} Command */
/** @typedef {import('./types.mjs').Commands} Commands */
/** @typedef {import('../core/store.mjs').Tool} Tool */

/**
 * What commands need of the editor.
 * @typedef {object} Desk
 * @property {import('./types.mjs').Store} store
 * @property {import('./types.mjs').Host} host
 * @property {import('./types.mjs').Playback} playback
 * @property {import('./stage/stage.mjs').Stage} stage
 * @property {import('./clipboard.mjs').Clipboard} clipboard
 * @property {(key: string, values?: Record<string, string|number>) => string} text
 * @property {(text: string, level?: 'info'|'warn') => void} say
 * @property {import('./shell.mjs').Shell} shell
 */

/**
 * @callback Define
 * @param {string} name
 * @param {string[]} keys
 * @param {() => void} run
 * @param {{enabled?: () => boolean, checked?: () => boolean}} [state]
 * @returns {void}
 */

const ZOOM_STEP = 1.25;

/**
 * @param {Desk} desk
 * @returns {Commands}
 */
export function createCommands(desk) {
  /** @type {Commands} */
  const commands = {};
  /** @type {Define} */
  const define = (name, keys, run, { enabled = () => true, checked } = {}) => {
    commands[name] = {
      name, keys, enabled, checked: checked ?? null,
      label: desk.text(`command.${name}`),
      run: () => {
        if (enabled()) run();
      },
    };
  };
  historyCommands(desk, define);
  toolCommands(desk, define);
  editCommands(desk, define);
  clipCommands(desk, define);
  viewCommands(desk, define);
  return commands;
}

/** @param {Desk} desk @param {Define} define */
function historyCommands({ store, text, say }, define) {
  define('undo', ['Mod+Z'], () => {
    const what = store.undoLabel;
    store.undo();
    say(text('history.undo', { what }));
  }, { enabled: () => store.canUndo });
  define('redo', ['Mod+Shift+Z', 'Mod+Y'], () => {
    const what = store.redoLabel;
    store.redo();
    say(text('history.redo', { what }));
  }, { enabled: () => store.canRedo });
}

/** @param {Desk} desk @param {Define} define */
function toolCommands({ store, text, say }, define) {
  /** @type {[Tool, string][]} */
  const tools = [['select', 'V'], ['draw', 'D'], ['freehand', 'F'], ['static', 'S'], ['pan', 'H']];
  for (const [tool, key] of tools) {
    define(tool, [key], () => {
      // A stroke is done when it is drawn; drawing by points begins something else after it.
      const done = store.tool === 'freehand' && tool === 'draw';
      store.set(done ? { tool, selection: NOTHING } : { tool });
      say(text(`command.${tool}`));
    }, { checked: () => store.tool === tool });
  }
  /** @type {[string, 'snap'|'labels'|'onion'|'speedTicks'|'loop'|'guides'|'showGrid'|'box'|'portraits'|'strokeTime'|'smoothPlayback', string[]][]} */
  const switches = [
    ['snap', 'snap', ['G']], ['grid', 'showGrid', ['Shift+G']], ['guides', 'guides', ['U']], ['labels', 'labels', ['N']],
    ['speedTicks', 'speedTicks', ['T']], ['onion', 'onion', ['O']], ['portraits', 'portraits', ['I']], ['loop', 'loop', ['Shift+L']],
    ['box', 'box', ['B']], ['strokeTime', 'strokeTime', ['Shift+F']], ['smoothPlayback', 'smoothPlayback', []],
  ];
  for (const [name, option, keys] of switches) {
    define(name, keys, () => setOptions(store, { [option]: !optionsOf(store)[option] }), { checked: () => optionsOf(store)[option] });
  }
}

/** @param {Desk} desk @param {Define} define */
function clipCommands({ store, playback }, define) {
  const moves = () => store.document.frames > 1;
  define('play', ['Space'], () => playback.toggle(), { enabled: moves, checked: () => store.playing });
  define('first', ['Home'], () => playback.seek(0));
  define('last', ['End'], () => playback.seek(store.document.frames - 1));
  define('previous', [','], () => playback.step(-1));
  define('next', ['.'], () => playback.step(1));
  define('back', ['Shift+,', 'Shift+<'], () => playback.step(-10));
  define('forward', ['Shift+.', 'Shift+>'], () => playback.step(10));
}

/** @param {Desk} desk @param {Define} define */
function viewCommands({ stage, store, shell }, define) {
  const { camera } = stage;
  /** @param {number} factor */
  const zoom = (factor) => {
    camera.zoomAt(camera.width / 2, camera.height / 2, factor);
    stage.viewChanged();
  };
  define('fit', ['0'], () => {
    camera.fit();
    stage.viewChanged();
  });
  define('fitSelection', ['Shift+0', 'Shift+)'], () => {
    const bounds = stage.selectionBounds();
    if (!bounds) return;
    camera.show(bounds, 60);
    stage.viewChanged();
  }, { enabled: () => store.selection.tracks.length > 0 });
  define('actualSize', ['1'], () => zoom(1 / camera.view.zoom));
  define('zoomIn', ['+', '=', 'Shift++'], () => zoom(ZOOM_STEP));
  define('zoomOut', ['-'], () => zoom(1 / ZOOM_STEP));
  define('large', ['E'], () => (shell.isLarge() ? shell.closeLarge() : shell.openLarge()), { checked: () => shell.isLarge() });
  define('panels', ['P'], () => shell.toggleDrawer(), { checked: () => shell.isDrawerOpen() });
}
