/** Numbers of the selected points: place in pixels, key and easing. */

import { MAX_COORDINATE, MIN_COORDINATE } from '../../core/document.mjs';
import { mapPoints } from '../../core/edits.mjs';
import { keyPoint, setStretchEasing, unkeyPoint } from '../../core/timing.mjs';
import { element, row, select, setText, setValue, text } from './controls.mjs';
import { easingChoices } from './easings.mjs';
import { numberField } from './number-field.mjs';

/** Looking at more points than these for equal values would be felt in a drag. */
const COMPARED = 500;

/**
 * @param {import('../types.mjs').Context} context
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function pointSection({ store, host }) {
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);

  /** @param {'x'|'y'} axis */
  const placeField = (axis) => numberField({
    label: axis.toUpperCase(), caption: axis.toUpperCase(), unit: 'px',
    change: (value, merge) => store.edit(say('step.move'), (document) => {
      const part = value / (axis === 'x' ? document.width : document.height);
      return mapPoints(document, store.selection.points, (point) => (axis === 'x' ? [part, point.y] : [point.x, part]));
    }, { merge }),
  });
  const x = placeField('x');
  const y = placeField('y');
  const key = numberField({
    label: say('inspector.keyed'), placeholder: say('inspector.free'), min: 0,
    change: (value, merge) => store.edit(say('step.key'), (document) =>
      store.selection.points.reduce((result, [track, point]) => keyPoint(result, track, point, value), document), { merge }),
    clear: () => store.edit(say('step.removeKey'), (document) =>
      store.selection.points.reduce((result, [track, point]) => unkeyPoint(result, track, point), document)),
  });
  key.element.title = say('inspector.keyHint');
  const easing = select({
    label: say('easing.label'), choices: [],
    change: (value) => store.edit(say('step.easing'), (document) => store.selection.points.reduce(
      (result, [track, point]) => setStretchEasing(result, track, point, value === 'inherit' ? null : value), document)),
  });
  const heading = element('h3');
  const easingRow = row(say('easing.after'), easing);
  const section = element('div', { class: 'section' }, heading,
    row(say('inspector.place'), element('span', { class: 'pair' }, x.element, y.element)),
    row(say('inspector.keyed'), key.element), easingRow);

  function show() {
    const { document, selection } = store;
    const { points } = selection;
    section.hidden = points.length === 0;
    if (!points.length) return;
    const [trackIndex, pointIndex] = points[points.length - 1];
    const track = document.tracks[trackIndex];
    setText(heading, points.length === 1
      ? say('inspector.point', { index: pointIndex + 1, count: track.points.length })
      : say('inspector.points', { count: points.length }));
    const locked = points.every(([index]) => document.tracks[index].locked);
    const listed = points.slice(0, COMPARED).map(([t, p]) => document.tracks[t].points[p]);
    const mixed = say('common.mixed');
    x.limits(MIN_COORDINATE * document.width, MAX_COORDINATE * document.width);
    y.limits(MIN_COORDINATE * document.height, MAX_COORDINATE * document.height);
    key.limits(0, document.frames - 1);
    const left = same(listed.map((point) => point.x));
    const top = same(listed.map((point) => point.y));
    const frame = same(listed.map((point) => point.frame));
    x.set(left === undefined ? null : left * document.width, left === undefined ? mixed : '');
    y.set(top === undefined ? null : top * document.height, top === undefined ? mixed : '');
    key.set(frame ?? null, frame === undefined ? mixed : say('inspector.free'));
    easingChoices(easing, host, track.easing);
    setValue(easing, same(listed.map((point) => point.easing ?? 'inherit')) ?? '');
    for (const control of [x.input, y.input, key.input, easing]) if (control.disabled !== locked) control.disabled = locked;
    easingRow.hidden = track.kind === 'static';
  }

  return { element: section, show };
}

/**
 * @template T
 * @param {readonly T[]} values
 * @returns {T|undefined} the value that all are, or undefined
 */
export function same(values) {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}
