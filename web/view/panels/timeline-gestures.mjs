/** What a press on the lanes goes on to: keys, the visible range or a rectangle are dragged. Each can be taken back. */

import { setTrack } from '../../core/edits.mjs';
import { hasPoint, select } from '../../core/selection.mjs';
import { keyPoint, moveKeys, retime } from '../../core/timing.mjs';
import { RepeatedEdit } from '../repeated-edit.mjs';
import { gestureKey, text } from './controls.mjs';
import { laneFacts } from './timeline-draw.mjs';
import { isPoint, keysWithin } from './timeline-hit.mjs';

/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('../types.mjs').Selection} Selection */
/** @typedef {import('./timeline-hit.mjs').LaneHit} LaneHit */
/** @typedef {import('./timeline-input.mjs').Surface} Surface */
/** @typedef {{x: number, y: number}} Place CSS pixels from the top left of all lanes */

/**
 * @typedef {object} Gesture
 * @property {(at: Place, alt: boolean) => void} move
 * @property {() => void} end
 * @property {() => void} cancel takes everything back
 */

/**
 * @param {import('../types.mjs').Context} context
 * @param {Surface} surface
 * @param {LaneHit|null} hit what was pressed
 * @param {Place} from
 * @param {boolean} added other things stay selected
 * @returns {Gesture|null} null if a drag from here means nothing
 */
export function pressLane({ store, host }, surface, hit, from, added) {
  const { scale, marks } = surface;
  /** @param {number} frame */
  const sayFrame = (frame) => surface.say(text(host, 'timeline.atFrame', { frame }));
  if (isPoint(hit)) return store.document.tracks[hit.track].locked ? null : dragKey(hit);
  if (hit?.part === 'start' || hit?.part === 'end') return dragEdge(hit.track, hit.part);
  return hit?.part === 'name' ? null : dragBand();

  /** @param {LaneHit} grabbed @returns {Gesture} Alt at the first or last key stretches all of the track's time */
  function dragKey(grabbed) {
    const edit = new RepeatedEdit(store, gestureKey('timeline'));
    const { track, point } = grabbed;
    const { keys } = laneFacts(edit.base.tracks[track], edit.base);
    const [first, last] = [keys[0], keys[keys.length - 1]];
    const chosen = hasPoint(store.selection, track, point) ? store.selection.points : [];
    return {
      move(at, stretch) {
        const delta = Math.round((at.x - from.x) / scale.perFrame);
        const frame = Math.min(Math.max(Math.round(grabbed.time + delta), 0), scale.last);
        edit.make(text(host, stretch ? 'step.retime' : 'step.key'), (base) => {
          if (stretch && point === last?.index && frame > first.frame) return retime(base, track, first.frame, frame);
          if (stretch && point === first?.index && frame < last.frame) return retime(base, track, frame, last.frame);
          if (delta === 0) return base;
          if (chosen.length < 2) return keyPoint(base, track, point, frame);
          const before = keyed(base, chosen, track, point);
          const after = moveKeys(before, chosen, delta);
          return after === before ? base : after; // where nothing can move, nothing gets a key
        });
        sayFrame(store.document.tracks[track]?.points[point]?.frame ?? frame);
      },
      end: () => edit.end(),
      cancel: () => edit.cancel(),
    };
  }

  /** @param {number} track @param {'start'|'end'} edge @returns {Gesture} */
  function dragEdge(track, edge) {
    const edit = new RepeatedEdit(store, gestureKey('timeline'));
    const { start, end } = edit.base.tracks[track];
    const outermost = edge === 'start' ? 0 : scale.last;
    const before = (edge === 'start' ? start : end) ?? outermost;
    return {
      move(at) {
        const frame = Math.min(Math.max(Math.round(before + (at.x - from.x) / scale.perFrame), 0), scale.last);
        const allowed = edge === 'start' ? Math.min(frame, end ?? frame) : Math.max(frame, start ?? frame);
        edit.make(text(host, 'step.visibility'), (base) => setTrack(base, track, { [edge]: frame === outermost ? null : allowed }));
        sayFrame(allowed);
      },
      end: () => edit.end(),
      cancel: () => edit.cancel(),
    };
  }

  /** @returns {Gesture} */
  function dragBand() {
    const before = store.selection;
    const stop = () => {
      marks.band = null;
      surface.redraw();
    };
    return {
      move(at) {
        marks.band = {
          left: Math.min(from.x, at.x), right: Math.max(from.x, at.x), top: Math.min(from.y, at.y), bottom: Math.max(from.y, at.y),
        };
        const points = keysWithin(store.document, surface.lanes(), scale, marks.band);
        const kept = added ? before.points : [];
        store.set({ selection: points.length ? select({ points: [...kept, ...points] }) : before });
        surface.redraw();
      },
      end: stop,
      cancel() {
        store.set({ selection: before });
        stop();
      },
    };
  }
}

/**
 * The chosen points that have no key get one where they are passed, so that they can move along. A path's ends, which
 * stay at the clip's ends without one, keep out of it unless grabbed: they would hold all others.
 *
 * @param {Document} base
 * @param {Selection['points']} chosen
 * @param {number} track of the grabbed point
 * @param {number} point
 */
function keyed(base, chosen, track, point) {
  return chosen.reduce((document, [other, index]) => {
    const { points, kind } = document.tracks[other];
    if (kind === 'static') return document;
    const inside = index > 0 && index < points.length - 1;
    const wanted = points[index].frame === null && (inside || (other === track && index === point));
    return wanted ? keyPoint(document, other, index) : document;
  }, base);
}
