/** The dialog for import and export: the drawing as text in our form or in other tools', by clipboard, text or file. */

import { button, element, setAttribute, text } from './controls.mjs';
import { exportPage } from './transfer-export.mjs';
import { importPage } from './transfer-import.mjs';

/** @typedef {'export'|'import'} Tab */

let dialogs = 0;

/**
 * @param {import('../types.mjs').Context} context
 * @returns {{element: HTMLDialogElement, open: (tab?: Tab) => void, update: (changed: Set<string>) => void, dispose: () => void}}
 */
export function createTransfer(context) {
  const { host } = context;
  const say = (/** @type {string} */ key) => text(host, key);
  dialogs += 1;
  const id = `transfer-${dialogs}`;
  /** @type {Tab} */
  let tab = 'export';
  const pages = { export: exportPage(context), import: importPage(context, () => dialog.close()) };
  const names = /** @type {Tab[]} */ (['export', 'import']);
  const tabs = names.map((name) => element('button', {
    text: say(`transfer.${name}`), attributes: { type: 'button', role: 'tab', id: `${id}-tab-${name}`, 'aria-controls': `${id}-${name}` },
    on: { click: () => show(name), keydown: onTabKey },
  }));
  const title = element('h2', { text: say('transfer.title'), attributes: { id: `${id}-title` } });
  const dialog = element('dialog', {
    class: 'transfer',
    attributes: { 'aria-labelledby': `${id}-title` },
    on: {
      // Nothing typed or clicked here is meant for the drawing or the graph below.
      keydown: (event) => event.stopPropagation(),
      keyup: (event) => event.stopPropagation(),
      pointerdown: (event) => {
        event.stopPropagation();
        if (event.target === dialog) dialog.close();
      },
      copy: (event) => event.stopPropagation(),
      cut: (event) => event.stopPropagation(),
      paste: (event) => event.stopPropagation(),
    },
  }, element('div', { class: 'inner' },
    element('header', {}, title, button({ label: say('common.close'), icon: 'close', run: () => dialog.close() })),
    element('div', { class: 'tabs', attributes: { role: 'tablist', 'aria-labelledby': `${id}-title` } }, ...tabs),
    ...names.map((name) => {
      const page = pages[name].element;
      setAttribute(page, 'id', `${id}-${name}`);
      setAttribute(page, 'role', 'tabpanel');
      setAttribute(page, 'aria-labelledby', `${id}-tab-${name}`);
      return page;
    })));

  /** @param {Tab} name */
  function show(name) {
    tab = name;
    names.forEach((other, index) => {
      setAttribute(tabs[index], 'aria-selected', String(other === name));
      tabs[index].tabIndex = other === name ? 0 : -1;
      pages[other].element.hidden = other !== name;
    });
    pages[name].show();
  }

  /** @param {KeyboardEvent} event */
  function onTabKey(event) {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    show(tab === 'export' ? 'import' : 'export');
    tabs[names.indexOf(tab)].focus();
    event.preventDefault();
  }

  return {
    element: dialog,
    open(wanted = context.store.document.tracks.length ? 'export' : 'import') {
      if (!dialog.open) dialog.showModal();
      show(wanted);
      tabs[names.indexOf(wanted)].focus();
    },
    update(changed) {
      if (dialog.open && changed.has('document')) pages[tab].show();
    },
    dispose() {
      pages.import.dispose();
      if (dialog.open) dialog.close();
      dialog.remove();
    },
  };
}
