/** One row of the track list. It is patched field by field, so that a drag on the canvas touches nothing here. */

import { button, element, setAttribute, setIconButton, setText, shown, text } from './controls.mjs';
import { icon } from './icons.mjs';
import { picture } from './name-field.mjs';
import { swatch } from './swatch.mjs';

/** @typedef {import('../types.mjs').Track} Track */
/** @typedef {import('../types.mjs').Entity} Entity */
/** @typedef {'hide'|'solo'|'lock'|'menu'} RowAction `solo`: show this one only, or all again */

/**
 * @typedef {object} RowState
 * @property {Track} track
 * @property {boolean} selected
 * @property {boolean} active
 * @property {Entity|null} entity
 * @property {boolean} unused there are entities, and none asks for this track
 */

/**
 * @typedef {object} Row
 * @property {HTMLElement} element
 * @property {HTMLElement} option what is focused and selected
 * @property {HTMLElement[]} stops what the left and right arrow keys reach
 * @property {(state: RowState) => void} update
 */

/**
 * @param {import('../types.mjs').Host} host
 * @param {readonly string[]} palette
 * @param {(action: RowAction, anchor: HTMLElement) => void} act
 * @param {(color: string, merge: string) => void} recolor
 * @returns {Row}
 */
export function createRow(host, palette, act, recolor) {
  let name = '';
  const eye = button({ label: ' ', icon: 'eye', run: (event) => act(event.altKey ? 'solo' : 'hide', eye) });
  const lock = button({ label: ' ', icon: 'unlock', class: 'when', run: () => act('lock', lock) });
  const menu = button({ label: ' ', icon: 'more', class: 'when', run: () => act('menu', menu) });
  setAttribute(menu, 'aria-haspopup', 'menu');
  const color = swatch({
    palette,
    label: () => text(host, 'tracks.color', { name }),
    customLabel: text(host, 'common.custom'),
    change: recolor,
  });
  const title = element('div', { class: 'name' });
  const about = element('div', { class: 'about' });
  const aboutText = element('span');
  about.append(aboutText);
  const option = element('div', { class: 'body', attributes: { role: 'option', tabindex: -1 } }, title, about);
  let face = picture(null);
  for (const control of [eye, lock, menu]) control.tabIndex = -1;
  const grip = element('span', { class: 'grip', attributes: { 'aria-hidden': 'true' } }, icon('grip'));
  const row = element('div', { class: 'track', attributes: { role: 'presentation' } },
    grip, eye, color.element, face, option, lock, menu);

  /** @type {RowState|null} */
  let shownState = null;

  /** @param {RowState} state */
  function update(state) {
    const before = shownState;
    shownState = state;
    const { track, selected, active, entity, unused } = state;
    if (!before || before.selected !== selected || before.active !== active) {
      setAttribute(row, 'data-selected', selected);
      setAttribute(row, 'data-active', active);
      setAttribute(option, 'aria-selected', String(selected));
    }
    if (before && sameLook(before.track, track) && before.entity === entity && before.unused === unused) return;
    name = shown(track.name);
    setText(title, name);
    if (before?.entity?.thumbnail !== entity?.thumbnail) {
      const next = picture(entity);
      (face.isConnected ? face : row.querySelector('.picture'))?.replaceWith(next);
      face = next;
    }
    setAttribute(row, 'data-unused', unused);
    setAttribute(row, 'data-hidden', track.hidden);
    const detail = unused ? text(host, 'tracks.unused')
      : track.kind === 'static' ? text(host, 'kind.static')
        : text(host, 'tracks.points', { count: track.points.length });
    setText(aboutText, detail);
    if (unused !== (before?.unused ?? false)) {
      if (unused) about.prepend(icon('warning'));
      else about.querySelector('svg')?.remove();
    }
    const hint = unused ? text(host, 'tracks.unusedHint', { name }) : shown(track.name, 200);
    if (option.title !== hint) option.title = hint;
    color.set(track.color, text(host, 'tracks.color', { name }));
    setIconButton(eye, track.hidden ? 'eyeOff' : 'eye', text(host, track.hidden ? 'tracks.show' : 'tracks.hide', { name }));
    setIconButton(lock, track.locked ? 'lock' : 'unlock', text(host, track.locked ? 'tracks.unlock' : 'tracks.lock', { name }));
    setAttribute(lock, 'aria-pressed', String(track.locked));
    setIconButton(menu, 'more', text(host, 'tracks.menu', { name }));
    const states = [name, unused ? text(host, 'tracks.unused') : entity && text(host, 'tracks.used'),
      track.hidden && text(host, 'tracks.isHidden'), track.locked && text(host, 'tracks.isLocked')];
    setAttribute(option, 'aria-label', states.filter(Boolean).join(', '));
  }

  return { element: row, option, stops: [option, eye, color.element, lock, menu], update };
}

/**
 * Whether a row says the same of both, which it does while a track moves.
 * @param {Track} a
 * @param {Track} b
 */
function sameLook(a, b) {
  return a === b || (a.name === b.name && a.color === b.color && a.kind === b.kind && a.hidden === b.hidden &&
    a.locked === b.locked && a.points.length === b.points.length);
}

/**
 * The row of an entity that has no track to be seen, with a button that mends it.
 *
 * @param {import('../types.mjs').Host} host
 * @param {Entity} entity
 * @param {boolean} hidden it has one, which is hidden
 * @param {() => void} mend makes a track, or shows the hidden one
 * @returns {HTMLElement}
 */
export function missingRow(host, entity, hidden, mend) {
  const name = shown(entity.name);
  const say = (/** @type {string} */ key) => text(host, key, { name });
  const mended = button({ label: say(hidden ? 'tracks.showIt' : 'tracks.create'), icon: hidden ? 'eye' : 'add', showLabel: true, run: mend });
  setAttribute(mended, 'aria-label', say(hidden ? 'tracks.show' : 'tracks.createFor'));
  return element('div', {
    class: 'track missing', title: say(hidden ? 'tracks.hiddenHint' : 'tracks.missingHint'), attributes: { role: 'group', 'aria-label': name },
  }, picture(entity), element('div', { class: 'body' }, element('div', { class: 'name', text: name }),
    element('div', { class: 'about' }, icon('warning'), element('span', { text: say(hidden ? 'tracks.hidden' : 'tracks.missing') }))), mended);
}
