/** Easings to choose from, in drop-down lists and menus. */

import { EASINGS } from '../../core/document.mjs';
import { setChoices, text } from './controls.mjs';

/** @typedef {import('../types.mjs').Host} Host */

/**
 * @param {Host} host
 * @param {string} easing
 * @returns {string}
 */
export function easingName(host, easing) {
  return text(host, `easing.${easing}`);
}

/**
 * Fills a drop-down list: the four easings and, where `inherited` is given, "as the track" with the value "inherit".
 *
 * @param {HTMLSelectElement} target
 * @param {Host} host
 * @param {string} [inherited] the track's own easing
 */
export function easingChoices(target, host, inherited) {
  const choices = EASINGS.map((value) => ({ value, label: easingName(host, value) }));
  if (inherited !== undefined) {
    choices.unshift(/** @type {any} */ ({
      value: 'inherit', label: text(host, 'easing.inherit', { easing: easingName(host, inherited) }),
    }));
  }
  setChoices(target, choices);
}

/**
 * Menu entries for the easing of a stretch.
 *
 * @param {Host} host
 * @param {string|null} present null for the track's own
 * @param {string} inherited the track's own easing
 * @param {(easing: string|null) => void} choose
 * @returns {import('./popover.mjs').MenuItem[]}
 */
export function easingItems(host, present, inherited, choose) {
  return [null, ...EASINGS].map((easing) => ({
    label: easing === null
      ? text(host, 'easing.inherit', { easing: easingName(host, inherited) }) : easingName(host, easing),
    icon: `easing.${easing ?? 'inherit'}`,
    checked: easing === present,
    run: () => choose(easing),
  }));
}
