/** The export page: choose a form, see its text, copy or download it. */

import { DocumentError } from '../../core/document.mjs';
import { EXPORT_FORMATS, exportTrajectories } from '../../core/formats.mjs';
import { button, element, row, select, setAttribute, setChoices, setText, shown, text } from './controls.mjs';

/** @typedef {import('../../core/formats.mjs').ExportFormat} ExportFormat */

/** Forms that hold one track a text. @type {readonly ExportFormat[]} */
const SINGLE = ['flat', 'wrapper', 'tora'];
const RELEASE_MS = 10_000;

/**
 * @param {import('../types.mjs').Context} context
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function exportPage({ store, host }) {
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);
  /** @type {{name: string, text: string}[]} */
  let files = [];
  const format = select({
    label: say('transfer.format'), choices: EXPORT_FORMATS.map((value) => ({ value, label: say(`transfer.${value}`) })), change: show,
  });
  const which = select({ label: say('transfer.which'), choices: [], change: show });
  const whichRow = row(say('transfer.which'), which);
  const area = element('textarea', { attributes: { readonly: true, spellcheck: 'false', 'aria-label': say('transfer.text') } });
  const status = element('p', { class: 'status', attributes: { role: 'status' } });
  const copy = button({ label: say('transfer.copy'), icon: 'copy', showLabel: true, class: 'primary', run: () => void copyText() });
  const save = button({ label: say('transfer.download'), icon: 'download', showLabel: true, run: download });
  const page = element('div', {}, row(say('transfer.format'), format), whichRow, area, status,
    element('div', { class: 'actions' }, element('span', { class: 'spring' }), save, copy));

  function show() {
    const { document, selection } = store;
    const chosen = /** @type {ExportFormat} */ (format.value);
    const single = SINGLE.includes(chosen);
    const listed = document.tracks.map((track, index) => ({ value: String(index), label: `${index + 1}. ${shown(track.name)}`, hidden: track.hidden }))
      .filter(({ hidden }) => !hidden || chosen === 'document').map(({ value, label }) => ({ value, label }));
    setChoices(which, [...(single ? [] : [{ value: 'all', label: say('transfer.allTracks') }]),
      ...(selection.tracks.length > 1 && !single ? [{ value: 'selected', label: say('transfer.selectedTracks', { count: selection.tracks.length }) }] : []),
      ...listed]);
    if (which.selectedIndex < 0) which.value = single && selection.tracks.length ? String(selection.tracks.at(-1)) : which.options[0]?.value ?? '';
    if (which.selectedIndex < 0) which.selectedIndex = 0;
    whichRow.hidden = listed.length === 0;
    let problem = document.tracks.length ? '' : say('transfer.nothing');
    files = [];
    try {
      const tracks = which.value === 'all' || which.value === '' ? undefined
        : which.value === 'selected' ? [...selection.tracks] : [Number(which.value)];
      if (!problem) files = exportTrajectories(document, chosen, { tracks });
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      problem = error.message;
    }
    const written = files[0]?.text ?? '';
    if (area.value !== written) area.value = written;
    copy.disabled = save.disabled = !written;
    tell(problem || say('transfer.size', { count: written.length }), problem && document.tracks.length ? 'error' : 'info');
  }

  /** @param {string} said @param {'info'|'error'} level */
  function tell(said, level) {
    setText(status, said);
    setAttribute(status, 'data-level', level);
  }

  async function copyText() {
    try {
      await navigator.clipboard.writeText(area.value);
      tell(say('transfer.copied'), 'info');
    } catch {
      area.focus();
      area.select();
      tell(say('transfer.copyFailed'), 'error');
    }
  }

  function download() {
    const { name, text: written } = files[0];
    const ending = format.value === 'tora' ? 'txt' : 'json';
    const type = ending === 'txt' ? 'text/plain' : 'application/json';
    const url = URL.createObjectURL(new Blob([written], { type }));
    const link = element('a', { attributes: { href: url, download: `${fileName(name)}.${ending}` } });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), RELEASE_MS);
  }

  return { element: page, show };
}

/**
 * @param {string} name
 * @returns {string} without what file systems do not like
 */
function fileName(name) {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, '_').replace(/^[._]+/, '').slice(0, 60) || 'trajectories';
}
