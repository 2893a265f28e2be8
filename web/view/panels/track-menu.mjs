/** The menu of a row of the track list. */

import { MAX_TRACKS } from '../../core/document.mjs';

/**
 * @typedef {object} TrackActions
 * @property {() => void} rename
 * @property {() => void} duplicate
 * @property {() => void} remove
 * @property {(to: number) => void} move
 * @property {(field: 'hidden'|'locked') => void} flip
 * @property {(only: number|null) => void} showOnly
 */

/**
 * @param {(key: string) => string} say
 * @param {readonly import('../types.mjs').Track[]} tracks
 * @param {number} index
 * @param {TrackActions} actions
 * @returns {(import('./popover.mjs').MenuItem|null)[]}
 */
export function trackItems(say, tracks, index, actions) {
  const { hidden, locked } = tracks[index];
  const full = tracks.length >= MAX_TRACKS;
  return [
    { label: say('tracks.rename'), keys: 'F2', icon: 'labels', run: actions.rename },
    { label: say('tracks.duplicate'), keys: 'Ctrl+D', icon: 'duplicate', disabled: full, run: actions.duplicate },
    { label: say('tracks.delete'), keys: 'Del', icon: 'delete', disabled: locked, run: actions.remove },
    null,
    { label: say('tracks.up'), keys: 'Alt+↑', disabled: index === 0, run: () => actions.move(index - 1) },
    { label: say('tracks.down'), keys: 'Alt+↓', disabled: index === tracks.length - 1, run: () => actions.move(index + 1) },
    null,
    { label: say(hidden ? 'tracks.showIt' : 'tracks.hideIt'), keys: 'H', icon: hidden ? 'eye' : 'eyeOff', run: () => actions.flip('hidden') },
    { label: say(locked ? 'tracks.unlockIt' : 'tracks.lockIt'), keys: 'L', icon: locked ? 'unlock' : 'lock', run: () => actions.flip('locked') },
    { label: say('tracks.solo'), keys: say('tracks.soloKeys'), disabled: tracks.length < 2, run: () => actions.showOnly(index) },
    { label: say('tracks.showAll'), disabled: !tracks.some((track) => track.hidden), run: () => actions.showOnly(null) },
  ];
}
