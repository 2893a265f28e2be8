/** The import page: paste, drop or choose a text; it says at once what it holds or what is wrong with it. */

import { DocumentError, MAX_TRACKS } from '../../core/document.mjs';
import { appendTracks, replaceTracks } from '../../core/edits.mjs';
import { importTrajectories } from '../../core/formats.mjs';
import { select } from '../../core/selection.mjs';
import { button, element, setAttribute, setText, text } from './controls.mjs';

const MAX_MEGABYTES = 32;
const WAIT_MS = 120;

/**
 * @param {import('../types.mjs').Context} context
 * @param {() => void} done
 * @returns {{element: HTMLElement, show: () => void, dispose: () => void}}
 */
export function importPage({ store, host }, done) {
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);
  /** @type {import('../types.mjs').Document|null} */
  let found = null;
  let name = '';
  let waiting = 0;
  const area = element('textarea', {
    attributes: { spellcheck: 'false', 'aria-label': say('transfer.text'), placeholder: say('transfer.paste') },
    on: {
      input: () => {
        name = '';
        clearTimeout(waiting);
        waiting = window.setTimeout(show, WAIT_MS);
      },
    },
  });
  const status = element('p', { class: 'status', attributes: { role: 'status' } });
  const picker = element('input', {
    attributes: { type: 'file', accept: '.json,.txt,application/json,text/plain', hidden: true, 'aria-label': say('transfer.upload') },
    on: { change: () => void read(picker.files?.[0]) },
  });
  const add = button({ label: say('transfer.add'), showLabel: true, class: 'primary', run: () => take(false) });
  const replace = button({ label: say('transfer.replace'), showLabel: true, run: () => take(true) });
  const page = element('div', {
    on: {
      dragover: (/** @type {DragEvent} */ event) => {
        event.preventDefault();
        event.stopPropagation();
      },
      drop: (/** @type {DragEvent} */ event) => {
        event.preventDefault();
        event.stopPropagation();
        const dropped = event.dataTransfer?.files[0];
        if (dropped) void read(dropped);
        else write(event.dataTransfer?.getData('text/plain') ?? '');
      },
    },
  }, area, status, element('div', { class: 'actions' },
    button({ label: say('transfer.upload'), icon: 'upload', showLabel: true, run: () => picker.click() }), picker,
    button({ label: say('transfer.fromClipboard'), icon: 'paste', showLabel: true, run: () => void paste() }),
    element('span', { class: 'spring' }), replace, add));

  function show() {
    clearTimeout(waiting);
    found = null;
    let said = '';
    let problem = false;
    if (area.value.trim()) {
      try {
        found = importTrajectories(area.value, store.document, { name });
        const points = found.tracks.reduce((sum, track) => sum + track.points.length, 0);
        said = say('transfer.found', { tracks: found.tracks.length, points });
        const count = store.document.tracks.length + found.tracks.length;
        if (count > MAX_TRACKS) said += ` ${say('transfer.tooMany', { count, limit: MAX_TRACKS })}`;
      } catch (error) {
        if (!(error instanceof DocumentError)) throw error;
        said = error.message;
        problem = true;
      }
    }
    setText(status, said);
    setAttribute(status, 'data-level', problem ? 'error' : 'info');
    const count = found?.tracks.length ?? 0;
    replace.disabled = count === 0;
    add.disabled = count === 0 || store.document.tracks.length + count > MAX_TRACKS;
  }

  /** @param {string} written */
  function write(written) {
    area.value = written;
    show();
  }

  /** @param {File|undefined} file */
  async function read(file) {
    picker.value = '';
    if (!file) return;
    if (file.size > MAX_MEGABYTES * 1e6) {
      setText(status, say('transfer.fileTooLarge', { limit: MAX_MEGABYTES }));
      setAttribute(status, 'data-level', 'error');
      return;
    }
    // A Tora file holds one track and no name, so the file's own name is the track's.
    name = /\.txt$/i.test(file.name) ? file.name.replace(/\.txt$/i, '') : '';
    write(await file.text());
  }

  async function paste() {
    try {
      write(await navigator.clipboard.readText());
    } catch {
      area.focus();
      setText(status, say('transfer.pasteFailed'));
      setAttribute(status, 'data-level', 'error');
    }
  }

  /** @param {boolean} instead of what is drawn */
  function take(instead) {
    const tracks = found?.tracks;
    if (!tracks) return;
    store.edit(say('step.import'), (document) => {
      const next = instead ? replaceTracks(document, tracks) : appendTracks(document, tracks);
      const first = instead ? 0 : document.tracks.length;
      return { document: next, selection: select({ tracks: Array.from({ length: next.tracks.length - first }, (_, index) => first + index) }) };
    });
    write('');
    done();
  }

  return { element: page, show, dispose: () => clearTimeout(waiting) };
}
