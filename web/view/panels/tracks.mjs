/** The track list: choose, name, colour, hide, lock, reorder, duplicate and delete tracks, and see which entity uses which. */

import { identityOf } from '../../core/change.mjs';
import { MAX_TRACKS, PALETTE, createPoint } from '../../core/document.mjs';
import { addTrack, copyShift, duplicateAndSelect, removeTracks, renameTrack, reorderTrack, setTrack } from '../../core/edits.mjs';
import { matchEntities } from '../../core/names.mjs';
import { activeTrack, select, toggle } from '../../core/selection.mjs';
import { button, element, setText, shown, text } from './controls.mjs';
import { nameField } from './name-field.mjs';
import { activeElement, openMenu } from './popover.mjs';
import { trackItems } from './track-menu.mjs';
import { makeReorderable } from './track-reorder.mjs';
import { createRow, missingRow } from './track-row.mjs';

/** @typedef {import('../types.mjs').Context} Context */
/** @typedef {import('../types.mjs').Entity} Entity */
/** @typedef {import('../types.mjs').Panel} Panel */

/**
 * @param {Context} context
 * @returns {Panel}
 */
export function createTracks({ store, host }) {
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);
  /** @type {Map<number, import('./track-row.mjs').Row>} rows by the identity of their track */
  const rows = new Map();
  /** @type {number[]} identities in the order shown */
  let order = [];
  let focused = 0;
  /** @type {readonly Entity[]} */
  let entities = host.entities();
  /** @type {readonly string[]|null} what of the tracks `match` was made for */
  let matched = null;
  let match = matchEntities([], entities);

  const count = element('span', { class: 'note' });
  const add = button({ label: say('tracks.add'), icon: 'add', run: startTrack });
  const empty = element('p', { class: 'empty', text: say('tracks.empty') });
  const list = element('div', {
    attributes: { role: 'listbox', 'aria-label': say('tracks.label'), 'aria-multiselectable': 'true' },
    on: { click: onClick, dblclick: onDoubleClick, keydown: onKey, contextmenu: onContextMenu, focusin: onFocus },
  });
  const missing = element('div', { class: 'missing-list' });
  const scroll = element('div', { class: 'list', attributes: { 'data-capture-wheel': 'true' } }, empty, list, missing);
  const panel = element('section', { class: 'panel tracks', attributes: { 'aria-label': say('tracks.title') } },
    element('header', { class: 'panel-head' }, element('h2', { text: say('tracks.title') }), count, add), scroll);

  const stopListening = host.onChange((what) => {
    if (what !== 'entities') return;
    entities = host.entities();
    matched = null;
    show();
  });
  const stopReordering = makeReorderable(scroll, () => order.map((id) => /** @type {any} */ (rows.get(id)).element), (from, to) =>
    edit('step.reorder', (document) => reorderTrack(document, from, to)));

  /**
   * An edit made here. It shows at once, because the focus goes to where things are afterwards.
   * @param {string} step
   * @param {Parameters<typeof store.edit>[1]} change
   * @param {{merge?: string}} [how]
   */
  function edit(step, change, how) {
    const done = store.edit(say(step), change, how);
    show();
    return done;
  }

  function show() {
    const { document, selection } = store;
    const { tracks } = document;
    if (tracks.length !== matched?.length || tracks.some((track, index) => matchKey(track) !== matched?.[index])) {
      matched = tracks.map(matchKey);
      match = matchEntities(tracks, entities);
      showMissing();
    }
    const selected = new Set(selection.tracks);
    const active = activeTrack(selection);
    const ids = tracks.map((track) => identityOf(track));
    const sameOrder = ids.length === order.length && ids.every((id, index) => id === order[index]);
    if (!sameOrder) arrange(ids);
    tracks.forEach((track, index) => {
      const entity = match.trackState[index]?.entity ?? null;
      const unused = entity === null && entities.length > 0;
      rows.get(ids[index])?.update({ track, selected: selected.has(index), active: index === active, entity, unused });
    });
    if (active >= 0 && activeElement(list) === null) focused = active;
    focused = Math.min(Math.max(focused, 0), Math.max(tracks.length - 1, 0));
    ids.forEach((id, index) => setTabIndex(rows.get(id)?.option, index === focused ? 0 : -1));
    if (empty.hidden !== tracks.length + match.missing.length > 0) empty.hidden = tracks.length + match.missing.length > 0;
    setText(count, tracks.length ? say('tracks.count', { count: tracks.length, limit: MAX_TRACKS }) : '');
    if (add.disabled !== tracks.length >= MAX_TRACKS) add.disabled = tracks.length >= MAX_TRACKS;
  }

  /** @param {number[]} ids */
  function arrange(ids) {
    const wanted = new Set(ids);
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    const held = /** @type {HTMLElement|null} */ (activeElement(list));
    let place = list.firstElementChild;
    for (const id of ids) {
      const row = rows.get(id) ?? newRow(id);
      if (row.element === place) place = place.nextElementSibling;
      else list.insertBefore(row.element, place);
    }
    order = ids;
    if (held && list.contains(held) && activeElement(list) !== held) held.focus({ preventScroll: true });
  }

  /** @param {number} id */
  function newRow(id) {
    const row = createRow(host, PALETTE, (action, anchor) => {
      const index = order.indexOf(id);
      if (action === 'menu') openActions(index, anchor);
      else if (action === 'solo') showOnly(isAlone(index) ? null : index);
      else flip(index, action === 'hide' ? 'hidden' : 'locked');
    }, (color, merge) => edit('step.color', (document) => setTrack(document, order.indexOf(id), { color }), { merge }));
    row.element.dataset.track = String(id);
    rows.set(id, row);
    return row;
  }

  function showMissing() {
    missing.replaceChildren(...match.missing.map((entity) => {
      const hidden = store.document.tracks.some((track) => track.name === entity.name);
      return missingRow(host, entity, hidden, () => (hidden ? showTracks(entity.name) : createFor(entity)));
    }));
  }

  /** @param {Event} event @returns {number} index of the track whose row an event is in, or -1 */
  function indexOf(event) {
    const row = /** @type {Element} */ (event.target).closest('.track');
    return row instanceof HTMLElement && row.dataset.track ? order.indexOf(Number(row.dataset.track)) : -1;
  }

  /** @param {MouseEvent} event */
  function onClick(event) {
    const index = indexOf(event);
    if (index < 0 || /** @type {Element} */ (event.target).closest('button, input, .grip')) return;
    choose(index, event);
    focusRow(index);
  }

  /**
   * @param {number} index
   * @param {{shiftKey: boolean, ctrlKey: boolean, metaKey: boolean}} keys
   */
  function choose(index, keys) {
    const { selection } = store;
    const active = activeTrack(selection);
    if (keys.ctrlKey || keys.metaKey) store.set({ selection: toggle(selection, { tracks: [index] }) });
    else if (keys.shiftKey && active >= 0) {
      const step = index < active ? -1 : 1;
      const between = Array.from({ length: Math.abs(index - active) + 1 }, (_, i) => index - step * i);
      store.set({ selection: select({ tracks: between }) });
    } else store.set({ selection: select({ tracks: [index] }) });
  }

  /** @param {MouseEvent} event */
  function onDoubleClick(event) {
    const index = indexOf(event);
    if (index >= 0 && /** @type {Element} */ (event.target).closest('.body')) rename(index);
  }

  /** @param {MouseEvent} event */
  function onContextMenu(event) {
    const index = indexOf(event);
    if (index < 0) return;
    event.preventDefault();
    event.stopPropagation();
    openActions(index, rowAt(index).option, { x: event.clientX, y: event.clientY });
  }

  /** @param {FocusEvent} event */
  function onFocus(event) {
    const index = indexOf(event);
    if (index < 0 || index === focused) return;
    setTabIndex(rows.get(order[focused])?.option, -1);
    focused = index;
    setTabIndex(rows.get(order[focused])?.option, 0);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.tagName === 'INPUT') return;
    const index = indexOf(event);
    if (index < 0 || !handleKey(event, index, target)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} index
   * @param {HTMLElement} target
   * @returns {boolean} whether the key meant something here
   */
  function handleKey(event, index, target) {
    const row = rowAt(index);
    const onOption = target === row.option;
    const control = event.ctrlKey || event.metaKey;
    const vertical = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (vertical && event.altKey) {
      const to = index + vertical;
      if (edit('step.reorder', (document) => reorderTrack(document, index, to))) focusRow(to);
    } else if (vertical || event.key === 'Home' || event.key === 'End') {
      const last = order.length - 1;
      const to = event.key === 'Home' ? 0 : event.key === 'End' ? last : Math.min(Math.max(index + (vertical ?? 0), 0), last);
      if (event.shiftKey) store.set({ selection: select({ tracks: [...store.selection.tracks.filter((t) => t !== to), to] }) });
      else if (!control) choose(to, event);
      focusRow(to);
    } else if (sideways) {
      row.stops[Math.min(Math.max(row.stops.indexOf(target) + sideways, 0), row.stops.length - 1)].focus();
    } else if ((event.key === 'F10' && event.shiftKey) || event.key === 'ContextMenu') openActions(index, row.option);
    else if (!onOption) return false;
    else if (event.key === 'F2' || event.key === 'Enter') rename(index);
    else if (event.key === ' ') choose(index, { shiftKey: false, ctrlKey: true, metaKey: false });
    else if (event.key === 'Delete' || event.key === 'Backspace') remove(index);
    else if (control && event.key.toLowerCase() === 'd') duplicate(index);
    else if (control || event.altKey) return false;
    else if (event.key.toLowerCase() === 'h') flip(index, 'hidden');
    else if (event.key.toLowerCase() === 'l') flip(index, 'locked');
    else return false;
    return true;
  }

  /** @param {number} index */
  function rowAt(index) {
    return /** @type {import('./track-row.mjs').Row} */ (rows.get(order[index]));
  }

  /** @param {number} index */
  function focusRow(index) {
    const option = rows.get(order[index])?.option;
    option?.focus({ preventScroll: true });
    option?.scrollIntoView({ block: 'nearest' });
  }

  /**
   * The tracks that an action on a row is about: all selected ones if the row is one of them.
   * @param {number} index
   */
  function affected(index) {
    return store.selection.tracks.includes(index) ? [...store.selection.tracks] : [index];
  }

  /**
   * @param {number} index
   * @param {'hidden'|'locked'} field
   */
  function flip(index, field) {
    const on = !store.document.tracks[index][field];
    edit(field === 'hidden' ? 'step.hide' : 'step.lock', (document) =>
      affected(index).reduce((result, track) => setTrack(result, track, { [field]: on }), document));
  }

  /** @param {number} index */
  function remove(index) {
    const gone = affected(index);
    edit('step.delete', (document) => removeTracks(document, gone));
    focusRow(Math.min(Math.min(...gone), store.document.tracks.length - 1));
  }

  /** @param {number} index */
  function duplicate(index) {
    const tracks = affected(index);
    edit('step.duplicate', (document) => duplicateAndSelect(document, tracks, copyShift(document)));
  }

  /** @param {number} index */
  function isAlone(index) {
    return store.document.tracks.every((track, other) => track.hidden === (other !== index));
  }

  /** @param {number|null} only the one track to show, or null for all */
  function showOnly(only) {
    edit('step.hide', (document) =>
      document.tracks.reduce((result, _, track) => setTrack(result, track, { hidden: only !== null && track !== only }), document));
  }

  /** @param {string} name */
  function showTracks(name) {
    edit('step.hide', (document) => document.tracks.reduce((result, { name: other }, track) =>
      (other === name ? setTrack(result, track, { hidden: false }) : result), document));
    focusRow(store.document.tracks.findIndex((track) => track.name === name));
  }

  /** @param {number} index */
  function rename(index) {
    const { option } = rowAt(index);
    const id = order[index];
    const name = option.querySelector('.name');
    if (!name) return;
    const field = nameField({
      host,
      value: store.document.tracks[index].name,
      label: say('tracks.name'),
      entities: () => entities,
      accept: (next) => edit('step.rename', (document) => renameTrack(document, order.indexOf(id), next)),
      done: () => {
        const back = activeElement(list) === null || activeElement(list) === field.input;
        if (field.input.isConnected) field.input.replaceWith(name);
        if (back) option.focus({ preventScroll: true });
      },
    });
    name.replaceWith(field.input);
    field.input.focus();
  }

  /**
   * @param {number} index
   * @param {HTMLElement} anchor
   * @param {{x: number, y: number}} [at]
   */
  function openActions(index, anchor, at) {
    const { tracks } = store.document;
    openMenu(anchor, trackItems(say, tracks, index, {
      rename: () => rename(index), duplicate: () => duplicate(index), remove: () => remove(index), showOnly,
      flip: (field) => flip(index, field),
      move: (to) => {
        edit('step.reorder', (document) => reorderTrack(document, index, to));
        focusRow(to);
      },
    }), { label: say('tracks.menu', { name: shown(tracks[index].name) }), at });
  }

  function startTrack() {
    store.set({ selection: select({}), tool: 'draw' });
  }

  /** @param {Entity} entity a track of its name from left to right, ready to be shaped */
  function createFor(entity) {
    const index = store.document.tracks.length;
    const y = 0.5 + 0.08 * ((index % 7) - 3);
    const made = edit('step.newTrack', (document) => {
      const next = addTrack(document, [createPoint(0.25, y), createPoint(0.75, y)], { name: entity.name });
      return next === document ? document : { document: next, selection: select({ tracks: [next.tracks.length - 1] }) };
    });
    if (made) focusRow(index);
    else host.notify('warn', say('presets.full', { limit: MAX_TRACKS }));
  }

  show();
  return {
    element: panel,
    update(changed) {
      if (changed.has('document') || changed.has('selection')) show();
    },
    dispose() {
      stopListening();
      stopReordering();
    },
  };
}

/**
 * What of a track decides whose it is.
 * @param {import('../types.mjs').Track} track
 */
function matchKey(track) {
  return track.hidden ? `-${track.name}` : `+${track.name}`;
}

/**
 * @param {HTMLElement|undefined} target
 * @param {number} value
 */
function setTabIndex(target, value) {
  if (target && target.tabIndex !== value) target.tabIndex = value;
}
