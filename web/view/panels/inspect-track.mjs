/** Fields of the selected tracks: name, colour, kind, interpolation, easing, visibility; and what they measure. */

import { PALETTE } from '../../core/document.mjs';
import { renameTrack, setTrack } from '../../core/edits.mjs';
import { curveOf } from '../../core/geometry.mjs';
import { keysOf } from '../../core/sampling.mjs';
import { activeTrack } from '../../core/selection.mjs';
import { element, row, select, setText, setValue, shown, text } from './controls.mjs';
import { easingChoices } from './easings.mjs';
import { same } from './inspect-points.mjs';
import { nameField } from './name-field.mjs';
import { numberField } from './number-field.mjs';
import { swatch } from './swatch.mjs';

/** @typedef {import('../types.mjs').Track} Track */

/**
 * @param {import('../types.mjs').Context} context
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function trackSection({ store, host }) {
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);

  /**
   * @param {string} step
   * @param {Partial<Track>} fields
   * @param {string} [merge]
   */
  function set(step, fields, merge) {
    store.edit(say(step), (document) =>
      store.selection.tracks.reduce((result, track) => setTrack(result, track, fields), document), { merge });
  }

  const name = nameField({
    host, value: '', label: say('tracks.name'), entities: () => host.entities(),
    accept: (next) => store.edit(say('step.rename'), (document) => renameTrack(document, activeTrack(store.selection), next)),
  });
  const color = swatch({
    palette: PALETTE, label: () => say('common.color'), customLabel: say('common.custom'),
    change: (next, merge) => set('step.color', { color: next }, merge),
  });
  color.element.tabIndex = 0;
  const kind = select({
    label: say('kind.label'),
    choices: [{ value: 'path', label: say('kind.path') }, { value: 'static', label: say('kind.static') }],
    change: (value) => set('step.kind', { kind: value === 'static' ? 'static' : 'path' }),
  });
  const interpolation = select({
    label: say('interpolation.label'),
    choices: [{ value: 'smooth', label: say('interpolation.smooth') }, { value: 'linear', label: say('interpolation.linear') }],
    change: (value) => set('step.interpolation', { interpolation: value === 'linear' ? 'linear' : 'smooth' }),
  });
  const easing = select({ label: say('easing.label'), choices: [], change: (value) => set('step.easing', { easing: value }) });
  easingChoices(easing, host);
  const start = numberField({
    label: say('inspector.start'), min: 0,
    change: (value, merge) => set('step.visibility', { start: value }, merge), clear: () => set('step.visibility', { start: null }),
  });
  const end = numberField({
    label: say('inspector.end'), min: 0,
    change: (value, merge) => set('step.visibility', { end: value }, merge), clear: () => set('step.visibility', { end: null }),
  });
  const heading = element('h3');
  const info = element('p', { class: 'info' });
  const nameRow = row(say('tracks.nameShort'), color.element, name.input);
  const moving = [row(say('interpolation.label'), interpolation), row(say('easing.label'), easing)];
  const visible = row(say('inspector.visible'), element('span', { class: 'pair' }, start.element, end.element));
  const section = element('div', { class: 'section' }, heading, nameRow, row(say('kind.label'), kind),
    ...moving, visible, info);

  function show() {
    const { document, selection } = store;
    const tracks = selection.tracks.map((index) => document.tracks[index]).filter(Boolean);
    section.hidden = tracks.length === 0;
    if (!tracks.length) return;
    const active = tracks[tracks.length - 1];
    const single = tracks.length === 1;
    setText(heading, single ? say('inspector.track') : say('inspector.tracks', { count: tracks.length }));
    name.input.disabled = !single;
    name.set(single ? active.name : '');
    name.input.placeholder = single ? '' : say('common.mixed');
    color.set(active.color, say('tracks.color', { name: shown(active.name) }));
    setValue(kind, same(tracks.map((track) => track.kind)) ?? '');
    setValue(interpolation, same(tracks.map((track) => track.interpolation)) ?? '');
    setValue(easing, same(tracks.map((track) => track.easing)) ?? '');
    const last = document.frames - 1;
    const from = same(tracks.map((track) => track.start));
    const to = same(tracks.map((track) => track.end));
    start.limits(0, last);
    end.limits(0, last);
    start.set(from ?? null, from === undefined ? say('common.mixed') : '0');
    end.set(to ?? null, to === undefined ? say('common.mixed') : String(last));
    const still = tracks.every((track) => track.kind === 'static');
    for (const part of moving) part.hidden = still;
    const locked = tracks.every((track) => track.locked);
    for (const control of [kind, interpolation, easing, start.input, end.input]) {
      if (control.disabled !== locked) control.disabled = locked;
    }
    setText(info, locked ? say('inspector.locked') : single && !still ? measured(active) : '');
    info.hidden = !info.textContent;
  }

  /** @param {Track} track */
  function measured(track) {
    if (track.points.length < 2) return '';
    const { document } = store;
    const length = curveOf(track, document).total;
    const keys = keysOf(track, document.frames);
    const frames = keys[keys.length - 1].frame - keys[0].frame;
    return say('inspector.length', { length: Math.round(length), speed: frames > 0 ? (length / frames).toFixed(1) : '0' });
  }

  return { element: section, show };
}
