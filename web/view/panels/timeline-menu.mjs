/** The context menu of a lane: keys, easing, pauses, timing and visibility at one time. */

import { setTrack } from '../../core/edits.mjs';
import { insertPause, keyAt, keyPoint, retime, setStretchEasing, unkeyPoint } from '../../core/timing.mjs';
import { text } from './controls.mjs';
import { easingItems } from './easings.mjs';
import { laneFacts } from './timeline-draw.mjs';
import { isPoint } from './timeline-hit.mjs';
import { evenSpeed, keyEvery, pauseAt, repeatPath } from './timeline-edits.mjs';

/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('./popover.mjs').MenuItem} MenuItem */

/** Lengths of a pause that are offered, as parts of the clip. */
const PAUSES = [1 / 12, 1 / 6, 1 / 3];

/**
 * @param {import('../types.mjs').Context} context
 * @param {import('./timeline-hit.mjs').LaneHit} hit
 * @returns {(MenuItem|null)[]}
 */
export function laneItems({ store, host }, hit) {
  const { document } = store;
  const track = document.tracks[hit.track];
  const last = document.frames - 1;
  const frame = Math.round(hit.time);
  const here = store.frame;
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);
  /** @param {string} step @param {(document: Document) => Document} change */
  const edit = (step, change) => () => void store.edit(say(step), change);
  const off = track.locked;
  const { keys } = laneFacts(track, document);
  const onKey = isPoint(hit);
  const keyed = onKey && track.points[hit.point]?.frame !== null;
  /** @type {(MenuItem|null)[]} */
  const items = [];

  if (onKey) {
    items.push(
      { label: say('timeline.keyToPlayhead', { frame: here }), icon: 'key', disabled: off, run: edit('step.key', (d) => keyPoint(d, hit.track, hit.point, here)) },
      { label: say('timeline.removeKey'), icon: 'delete', keys: 'Del', disabled: off || !keyed, run: edit('step.removeKey', (d) => unkeyPoint(d, hit.track, hit.point)) },
    );
  } else if (track.kind === 'path') {
    items.push({
      label: say('timeline.addKey', { frame }), icon: 'key', disabled: off, run: edit('step.addKey', (d) => keyAt(d, hit.track, frame)),
    });
  }
  const stretch = hit.point < 0 ? -1 : keys.findLastIndex((key) => key.index <= hit.point);
  if (stretch >= 0 && stretch < keys.length - 1) {
    const { index } = keys[stretch];
    items.push(null, ...easingItems(host, track.points[index].easing, track.easing,
      (easing) => store.edit(say('step.easing'), (d) => setStretchEasing(d, hit.track, index, easing)))
      .map((item) => ({ ...item, disabled: off })));
  }
  if (track.kind === 'path' && last > 3) {
    const lengths = [...new Set(PAUSES.map((part) => Math.max(1, Math.round(part * last))))];
    items.push(null, ...lengths.map((frames) => ({
      label: say(frames === 1 ? 'timeline.pauseFrame' : 'timeline.pauseFrames', { frames }), icon: 'pause', disabled: off,
      run: edit('step.pause', (d) => (onKey ? insertPause(d, hit.track, hit.point, frames) : pauseAt(d, hit.track, frame, frames))),
    })));
    const [from, to] = [track.start ?? 0, track.end ?? last];
    items.push(
      null,
      { label: say('timeline.spread'), icon: 'distributeX', disabled: off, run: edit('step.retime', (d) => retime(d, hit.track, 0, last)) },
      {
        label: say('timeline.fitVisible'), disabled: off || (track.start === null && track.end === null) || to <= from,
        run: edit('step.retime', (d) => retime(d, hit.track, from, to)),
      },
      { label: say('timeline.even'), icon: 'linear', disabled: off, run: edit('step.retime', (d) => evenSpeed(d, hit.track)) },
      { label: say('timeline.keyEvery'), icon: 'key', disabled: off, run: edit('step.addKey', (d) => keyEvery(d, hit.track)) },
      { label: say('timeline.repeat', { times: 2 }), icon: 'loop', disabled: off, run: edit('step.retime', (d) => repeatPath(d, hit.track, 2)) },
      { label: say('timeline.repeat', { times: 3 }), icon: 'loop', disabled: off, run: edit('step.retime', (d) => repeatPath(d, hit.track, 3)) },
    );
  }
  items.push(
    null,
    { label: say('timeline.startHere', { frame }), icon: 'eye', disabled: off, run: edit('step.visibility', (d) => setTrack(d, hit.track, { start: frame || null })) },
    { label: say('timeline.endHere', { frame }), icon: 'eyeOff', disabled: off, run: edit('step.visibility', (d) => setTrack(d, hit.track, { end: frame === last ? null : frame })) },
    {
      label: say('timeline.always'), disabled: off || (track.start === null && track.end === null),
      run: edit('step.visibility', (d) => setTrack(d, hit.track, { start: null, end: null })),
    },
  );
  return items;
}
