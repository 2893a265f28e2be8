/** The context menu of the stage: what can be done at a place, and with what is selected. */

import { addPoint, addTrack, insertPointOnSegment, removePoints } from '../core/edits.mjs';
import { createPoint } from '../core/drawing.mjs';
import { activeTrack, select } from '../core/selection.mjs';
import { openMenu } from './panels/popover.mjs';
import { keyText } from './panels/toolbar.mjs';
import { candidates } from './tools/candidates.mjs';

/** @typedef {import('./commands.mjs').Desk} Desk */
/** @typedef {import('./types.mjs').Commands} Commands */
/** @typedef {import('./tools/surface.mjs').Pointer} Pointer */
/** @typedef {import('./panels/popover.mjs').MenuItem} MenuItem */

/**
 * @param {Desk} desk
 * @param {Commands} commands
 * @param {{x: number, y: number}} at client pixels
 * @param {Pointer} pointer
 */
export function openStageMenu(desk, commands, at, pointer) {
  const { store, stage, text } = desk;
  const hits = candidates(stage.surface, pointer);
  const hit = hits.find(({ track }) => store.selection.tracks.includes(track)) ?? hits[0];
  if (hit && !store.selection.tracks.includes(hit.track)) store.set({ selection: select({ tracks: [hit.track] }) });
  /** @param {...string} names @returns {(MenuItem|null)[]} */
  const run = (...names) => names.filter((name) => commands[name].enabled()).map((name) => ({
    label: commands[name].label, icon: name, run: commands[name].run,
    keys: commands[name].keys[0] ? keyText(commands[name].keys[0]) : undefined,
    checked: commands[name].checked?.() || undefined,
  }));
  const track = hit ? store.document.tracks[hit.track] : null;
  const selected = store.selection.tracks.length > 0;
  /** @type {(MenuItem|null)[][]} */
  const groups = [
    here(desk, pointer, hit),
    underneath(desk, hits),
    selected ? run('key', 'unkey', 'startHere', 'endHere', 'always') : [],
    selected ? run(...(track?.kind === 'static' ? ['makePath'] : ['smooth', 'linear', 'closeLoop', 'reverse', 'subdivide', 'makeStatic'])) : [],
    selected ? run('mirrorX', 'mirrorY', 'rotate', 'fitSelection') : [],
    run(...(selected ? ['cut', 'copy', 'duplicate'] : ['selectAll']), 'paste'),
    selected ? run('hide', 'lock', 'delete') : run('showAll', 'anchorBorder', 'fit'),
  ];
  const items = groups.filter((group) => group.length).flatMap((group, index) => (index ? [null, ...group] : group));
  openMenu(stage.element, items, { label: text('stage.menu'), at });
}

/**
 * @param {Desk} desk
 * @param {Pointer} pointer
 * @param {import('../core/hit.mjs').Hit|undefined} hit
 * @returns {MenuItem[]}
 */
function here({ store, stage, text }, pointer, hit) {
  const { document } = store;
  const place = { x: pointer.cx / document.width, y: pointer.cy / document.height };
  const track = hit ? document.tracks[hit.track] : null;
  /** @type {MenuItem[]} */
  const items = [];
  if (hit?.kind === 'point' && track && !track.locked) {
    items.push({
      label: text('menu.deletePoint', { index: hit.point + 1 }), icon: 'delete',
      run: () => void store.edit(text('step.delete'), (current) => removePoints(current, [[hit.track, hit.point]])),
    });
  }
  if (hit?.kind === 'segment' && track && !track.locked) {
    items.push({
      label: text('menu.insertHere'), icon: 'insert',
      run: () => void store.edit(text('step.insert'), (current) => ({
        document: insertPointOnSegment(current, hit.track, hit.length),
        selection: select({ points: [[hit.track, hit.point + 1]] }),
      })),
    });
  }
  if (hit) return items;
  const active = activeTrack(store.selection);
  const open = document.tracks[active];
  if (open && open.kind === 'path' && !open.locked) {
    items.push({
      label: text('menu.addHere'), icon: 'add',
      run: () => void store.edit(text('step.addPoint'), (current) => addPoint(current, active, place)),
    });
  }
  /** @param {'path'|'static'} kind */
  const begin = (kind) => () => {
    store.edit(text(kind === 'static' ? 'step.static' : 'step.newTrack'), (current) => {
      const next = addTrack(current, [createPoint(place.x, place.y)], { ...stage.nextTrack(), kind });
      return { document: next, selection: next === current ? store.selection : select({ tracks: [next.tracks.length - 1] }) };
    });
    if (kind === 'path') store.set({ tool: 'draw' });
  };
  items.push(
    { label: text('menu.trackHere'), icon: 'draw', run: begin('path') },
    { label: text('menu.staticHere'), icon: 'static', run: begin('static') },
  );
  return items;
}

/**
 * Tracks that lie on top of one another here.
 * @param {Desk} desk
 * @param {import('../core/hit.mjs').Hit[]} hits
 * @returns {MenuItem[]}
 */
function underneath({ store, text }, hits) {
  const tracks = [...new Set(hits.map((hit) => hit.track))].sort((a, b) => a - b).slice(0, 12);
  if (tracks.length < 2) return [];
  return tracks.map((track) => ({
    label: text('menu.select', { name: store.document.tracks[track].name }),
    checked: store.selection.tracks.includes(track) || undefined,
    run: () => store.set({ selection: select({ tracks: [track] }) }),
  }));
}

/**
 * Linux and macOS ask for the context menu when the button goes down, and a menu that opens then is closed again by the
 * button's going up. So the question is asked anew after that.
 * @param {HTMLElement} element
 * @returns {() => void} ends it
 */
export function menusOnRelease(element) {
  const listeners = new AbortController();
  /** @param {MouseEvent} event */
  const hold = (event) => {
    const target = event.composedPath()[0];
    if (!event.buttons || !(target instanceof Element)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { clientX, clientY, ctrlKey, shiftKey, altKey, metaKey } = event;
    const again = () => target.dispatchEvent(new MouseEvent('contextmenu', {
      clientX, clientY, ctrlKey, shiftKey, altKey, metaKey, button: 2, bubbles: true, composed: true, cancelable: true,
    }));
    element.addEventListener('pointerup', () => setTimeout(again), { once: true, capture: true, signal: listeners.signal });
  };
  element.addEventListener('contextmenu', hold, { capture: true, signal: listeners.signal });
  return () => listeners.abort();
}
