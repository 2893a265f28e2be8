/** The keyboard on the lanes: every key can be reached, moved, made and deleted without a pointer. */

import { activeTrack, select } from '../../core/selection.mjs';
import { keyAt, keyPoint, moveKeys, unkeyPoint } from '../../core/timing.mjs';
import { gestureKey, text } from './controls.mjs';
import { laneFacts } from './timeline-draw.mjs';

const FAR = 10;

/**
 * @param {import('../types.mjs').Context} context
 * @param {() => readonly number[]} lanes tracks in the order shown
 * @param {(hit: import('./timeline-hit.mjs').LaneHit) => void} menu opens the menu of a lane
 * @returns {(event: KeyboardEvent) => boolean} handles a key; whether it meant something here
 */
export function laneKeys({ store, host, playback }, lanes, menu) {
  let merge = '';

  /** The active track, its chosen point and the place of that among its keys, and when the path passes the point. */
  function current() {
    const track = activeTrack(store.selection);
    const found = store.document.tracks[track];
    const { keys, times } = found ? laneFacts(found, store.document) : { keys: [], times: [] };
    const point = store.selection.points.findLast(([index]) => index === track)?.[1] ?? -1;
    return { track, keys, point, place: keys.findIndex((key) => key.index === point), passed: times[point] };
  }

  /** @param {number} track @param {import('../../core/sampling.mjs').Key|undefined} key */
  function choose(track, key) {
    store.set({ selection: key ? select({ points: [[track, key.index]] }) : select({ tracks: [track] }) });
  }

  /** @param {number} step */
  function toLane(step) {
    const shown = lanes();
    const { track, keys, place } = current();
    const next = shown[Math.min(Math.max(shown.indexOf(track) + step, 0), shown.length - 1)];
    if (!store.document.tracks[next]) return;
    const others = laneFacts(store.document.tracks[next], store.document).keys;
    const frame = place < 0 ? store.frame : keys[place].frame;
    choose(next, others.reduce((best, key) =>
      (!best || Math.abs(key.frame - frame) < Math.abs(best.frame - frame) ? key : best), others[0]));
  }

  /** @param {number} place among the keys of the active track */
  function toKey(place) {
    const { track, keys } = current();
    if (track >= 0 && keys.length) choose(track, keys[Math.min(Math.max(place, 0), keys.length - 1)]);
  }

  /** @param {number} frames @param {boolean} again the key is held down */
  function move(frames, again) {
    const { track, keys, point, place, passed } = current();
    const frame = keys[place]?.frame ?? (passed === undefined ? undefined : Math.round(passed));
    if (frame === undefined) return playback.step(frames);
    if (!again) merge = gestureKey('timeline keys');
    const { selection } = store;
    store.edit(text(host, 'step.key'), (document) => (selection.points.length > 1
      ? moveKeys(document, selection.points, frames)
      : keyPoint(document, track, point, frame + frames)), { merge });
  }

  function add() {
    const { track } = current();
    const frame = store.frame;
    if (track < 0) return;
    store.edit(text(host, 'step.addKey'), (document) => keyAt(document, track, frame));
    const point = store.document.tracks[track].points.findIndex((item) => item.frame === frame);
    if (point >= 0) store.set({ selection: select({ points: [[track, point]] }) });
  }

  function remove() {
    const { points } = store.selection;
    store.edit(text(host, 'step.removeKey'), (document) =>
      points.reduce((result, [track, point]) => unkeyPoint(result, track, point), document));
  }

  function openMenu() {
    const { track, keys, point, place, passed } = current();
    if (track < 0) return;
    const key = keys[place];
    const part = key ? 'key' : passed === undefined ? 'lane' : 'point';
    menu({ track, part, point, implied: key?.implied ?? false, time: key?.frame ?? passed ?? store.frame });
  }

  return (event) => {
    const far = event.shiftKey ? FAR : 1;
    const { place } = current();
    switch (event.key) {
      case 'ArrowUp': toLane(-1); break;
      case 'ArrowDown': toLane(1); break;
      case 'ArrowLeft': if (event.ctrlKey || event.metaKey) toKey(place - 1); else move(-far, event.repeat); break;
      case 'ArrowRight': if (event.ctrlKey || event.metaKey) toKey(place + 1); else move(far, event.repeat); break;
      case 'PageUp': toKey(place - 1); break;
      case 'PageDown': toKey(place + 1); break;
      case 'Home': toKey(0); break;
      case 'End': toKey(Infinity); break;
      case 'Enter': add(); break;
      case 'Delete': case 'Backspace': remove(); break;
      case ' ': playback.toggle(); break;
      case 'ContextMenu': openMenu(); break;
      case 'F10': if (!event.shiftKey) return false; openMenu(); break;
      default: return false;
    }
    return true;
  };
}
