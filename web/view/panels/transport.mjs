/** The row of buttons above the timeline: playing, the current frame, speed, keys and zoom. */

import { optionsOf, setOptions } from '../options.mjs';
import { button, element, select, setIconButton, setPressed, setText, setValue, text } from './controls.mjs';
import { numberField } from './number-field.mjs';

const RATES = [0.25, 0.5, 1, 2, 4];

/**
 * @param {import('../types.mjs').Context} context
 * @param {object} actions
 * @param {() => void} actions.addKey
 * @param {(factor: number|null) => void} actions.zoom null shows the whole clip
 * @param {(all: boolean) => void} actions.showAll
 * @returns {import('../types.mjs').Panel}
 */
export function createTransport({ store, host, playback }, actions) {
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);
  const last = () => store.document.frames - 1;
  const play = button({ label: say('timeline.play'), icon: 'play', keys: 'Space', run: () => playback.toggle() });
  const frame = numberField({
    label: say('timeline.playhead'), min: 0, digits: 0,
    change: (value) => {
      playback.pause();
      playback.seek(value);
    },
  });
  const total = element('span', { class: 'total' });
  const loop = button({
    label: say('timeline.loop'), icon: 'loop', pressed: store.options.loop,
    run: () => setOptions(store, { loop: !store.options.loop }),
  });
  const rate = select({
    label: say('timeline.speed'), class: 'optional', change: (value) => setOptions(store, { rate: Number(value) }),
    choices: RATES.map((value) => ({ value: String(value), label: `${value}×` })),
  });
  rate.title = say('timeline.speed');
  const key = button({ label: say('timeline.addKeyNow'), icon: 'key', keys: 'K', run: actions.addKey });
  let all = true;
  const scope = button({
    label: say('timeline.showSelected'), icon: 'filter', class: 'rare', pressed: false,
    run: () => {
      all = !all;
      setPressed(scope, !all);
      actions.showAll(all);
    },
  });
  const jump = (/** @type {string} */ name, /** @type {() => void} */ run, optional = '') =>
    button({ label: say(`timeline.${name}`), icon: name, class: optional, run });
  const bar = element('div', { class: 'transport', attributes: { role: 'group', 'aria-label': say('timeline.transport') } },
    jump('first', () => playback.seek(0), 'optional'), jump('previous', () => playback.step(-1)), play,
    jump('next', () => playback.step(1)), jump('last', () => playback.seek(last()), 'optional'),
    frame.element, total, loop, rate, key, element('span', { class: 'spring' }), scope,
    button({ label: say('timeline.zoomOut'), icon: 'zoomOut', class: 'rare', run: () => actions.zoom(0.6) }),
    button({ label: say('timeline.fit'), icon: 'fit', class: 'rare', run: () => actions.zoom(null) }),
    button({ label: say('timeline.zoomIn'), icon: 'zoomIn', class: 'rare', run: () => actions.zoom(1.6) }));

  function show() {
    const { document, playing } = store;
    const current = store.frame;
    frame.limits(0, last());
    frame.set(current);
    setText(total, say('timeline.total', { last: last(), seconds: (document.frames / document.fps).toFixed(1) }));
    setIconButton(play, playing ? 'pause' : 'play', say(playing ? 'timeline.pause' : 'timeline.play'));
    setPressed(loop, store.options.loop);
    setValue(rate, String(optionsOf(store).rate));
    const fixed = !store.selection.tracks.some((index) => {
      const track = document.tracks[index];
      return track && track.kind === 'path' && !track.locked && track.points.length > 1;
    });
    if (key.disabled !== fixed) key.disabled = fixed;
  }

  show();
  return {
    element: bar,
    update(changed) {
      if (changed.size === 1 && changed.has('frame')) frame.set(store.frame);
      else show();
    },
    dispose() {},
  };
}
