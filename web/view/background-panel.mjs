/** The pop-up for the picture behind the drawing. */

import { backgroundOf, canvasLike, withBackground } from './background.mjs';
import { button, element, gestureKey, row, select, setText, toggle } from './panels/controls.mjs';
import { openPopover } from './panels/popover.mjs';

/** @typedef {import('./commands.mjs').Desk} Desk */

/** Pictures put into the workflow itself are made this small, as every copy of the workflow carries them. */
const EMBEDDED_SIDE = 1024;

/**
 * @param {Desk} desk
 * @param {HTMLElement} anchor
 */
export function openBackground(desk, anchor) {
  const { store, stage, text, clipboard, host } = desk;
  const { background } = stage;
  const status = element('p', { class: 'info' });
  const file = element('input', {
    attributes: { type: 'file', accept: 'image/*', hidden: true },
    on: { change: () => clipboard.useFiles([...(file.files ?? [])]) },
  });
  /** @param {Partial<import('./background.mjs').BackgroundSettings>} changes @param {string} [merge] */
  const set = (changes, merge) => {
    store.edit(text('step.background'), (document) => withBackground(document, changes), { merge });
  };
  const choose = button({ label: text('background.choose'), icon: 'upload', showLabel: true, run: () => file.click() });
  const remove = button({ label: text('background.remove'), icon: 'delete', showLabel: true, run: () => set({ image: null }) });
  const align = button({
    label: text('background.matchCanvas'), showLabel: true,
    run: () => {
      const { size } = background;
      if (size) host.setCanvas(canvasLike(size));
    },
  });
  let drag = '';
  const opacity = element('input', {
    attributes: { type: 'range', min: 0, max: 100, step: 5, 'aria-label': text('background.opacity') },
    on: {
      pointerdown: () => { drag = gestureKey('opacity'); },
      input: () => set({ opacity: Number(opacity.value) / 100 }, drag || 'opacity'),
      change: () => store.endMerge(),
    },
  });
  const fit = select({
    label: text('background.fit'),
    choices: ['contain', 'cover', 'stretch'].map((value) => ({ value, label: text(`background.${value}`) })),
    change: (value) => set({ fit: /** @type {import('./background.mjs').Fit} */ (value) }),
  });
  const visible = toggle({ label: text('background.show'), change: (on) => set({ hidden: !on }) });
  const still = toggle({
    label: text('background.still'), change: (on) => set({ frame: on ? store.frame : null }),
  });
  const embed = toggle({
    label: text('background.embed'), title: text('background.embedHint'),
    change: (on) => {
      if (on) void embedPicture(desk);
      else set({ image: null });
    },
  });
  const content = element('div', { class: 'sheet background-sheet' },
    element('h2', { text: text('background.title') }), status, file,
    element('div', { class: 'actions' }, choose, remove, align),
    row(text('background.opacity'), opacity), row(text('background.fit'), fit),
    visible.element, still.element, embed.element);

  function show() {
    const settings = backgroundOf(store.document);
    const { origin, size, failed } = background;
    const embedded = settings.image?.startsWith('data:') ?? false;
    const name = embedded ? text('background.inWorkflow') : settings.image ?? '';
    setText(status, failed ? text('background.missing', { name: name || text('background.linkedPicture') })
      : origin === 'none' ? text('background.none')
      : `${origin === 'linked' ? text('background.linked') : name}${size ? `  ·  ${size.width} × ${size.height}` : ''}`);
    remove.disabled = settings.image === null;
    align.disabled = !size;
    opacity.value = String(Math.round(settings.opacity * 100));
    fit.value = settings.fit;
    visible.input.checked = !settings.hidden;
    still.element.hidden = !background.isVideo;
    still.input.checked = settings.frame !== null;
    embed.input.checked = embedded;
    embed.input.disabled = !size;
  }

  const stop = store.subscribe((changed) => {
    if (changed.has('document')) queueMicrotask(show);
  });
  const poll = setInterval(show, 400); // a picture that loads says so to the stage only
  show();
  const opened = openPopover(anchor, content, {
    label: text('background.title'),
    closed: () => {
      stop();
      clearInterval(poll);
    },
  });
  if (!opened) {
    stop();
    clearInterval(poll);
  }
}

/**
 * Puts the picture that is shown into the document, as the user asked for it.
 * @param {Desk} desk
 */
async function embedPicture({ store, stage, text, say }) {
  const { source, size } = stage.background;
  if (!source || !size) return;
  const scale = Math.min(1, EMBEDDED_SIDE / Math.max(size.width, size.height));
  const canvas = element('canvas');
  canvas.width = Math.max(1, Math.round(size.width * scale));
  canvas.height = Math.max(1, Math.round(size.height * scale));
  canvas.getContext('2d')?.drawImage(source, 0, 0, canvas.width, canvas.height);
  try {
    const image = canvas.toDataURL('image/jpeg', 0.85);
    store.edit(text('step.background'), (document) => withBackground(document, { image }));
  } catch (error) {
    say(text('background.failed', { reason: error instanceof Error ? error.message : String(error) }), 'warn');
  }
}
