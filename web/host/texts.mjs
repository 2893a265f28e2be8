// The editor's texts in the user's language: `tora2` in locales/<language>/main.json, as ComfyUI's server hands it out.

/** @import { Comfy } from './comfy.mjs' */

import { TEXTS } from '../view/texts.en.mjs';

/** The host's own texts, beside the editor's in view/texts.en.mjs. */
export const HOST_TEXTS = Object.freeze({
  'host.broken': 'The trajectory editor could not be loaded. The drawing is kept; the browser console says what is wrong.',
  'host.linked': 'Computed by a linked node, so it cannot be changed here: {names}.',
  'host.noneSelected': 'Select a Tora2 Trajectory Editor node first, or a subgraph node that sets its drawing.',
  'host.openLarge': 'Open trajectory editor',
  'host.promoted': 'Several subgraph nodes set this drawing, each its own. Open the editor from the menu of one of them.',
});
/** @type {Readonly<Record<string, string>>} */
const ENGLISH = { ...TEXTS, ...HOST_TEXTS };

/** @type {Record<string, Record<string, string>>} language -> key -> text */
const tables = {};
/** @type {Promise<void> | undefined} */
let loading;

/**
 * Fetched once a page. Without it the texts are English.
 * @param {Comfy} comfy
 */
export function loadTexts({ api }) {
  loading ??= (async () => {
    try {
      const answer = await api.fetchApi('/i18n');
      const languages = /** @type {Record<string, { tora2?: unknown }>} */ (await answer.json());
      for (const [language, { tora2 }] of Object.entries(languages)) tables[language] = flat(tora2);
    } catch (error) {
      console.warn('Tora2: no translations, so the editor speaks English.', error);
    }
  })();
  return loading;
}

/**
 * @param {unknown} texts nested by the dots of the keys
 * @param {string} prefix
 * @returns {Record<string, string>}
 */
function flat(texts, prefix = '') {
  if (typeof texts === 'string') return { [prefix]: texts };
  if (typeof texts !== 'object' || texts === null) return {};
  const under = prefix && `${prefix}.`;
  return Object.assign({}, ...Object.entries(texts).map(([key, text]) => flat(text, under + key)));
}

/**
 * @param {Comfy} comfy
 * @param {string} key
 * @param {Record<string, string | number>} [values] for the `{name}`s in the text
 * @returns {string}
 */
export function text({ app }, key, values = {}) {
  const language = app.extensionManager?.setting.get('Comfy.Locale') ?? 'en';
  const table = tables[/** @type {string} */ (language)] ?? tables[String(language).split('-')[0]] ?? {};
  const found = table[key] ?? ENGLISH[key] ?? tables.en?.[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}
