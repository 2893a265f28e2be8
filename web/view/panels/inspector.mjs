/** The properties of what is selected, or of the canvas where nothing is. */

import { element, row, text } from './controls.mjs';
import { pointSection } from './inspect-points.mjs';
import { trackSection } from './inspect-track.mjs';
import { transformSection } from './inspect-transform.mjs';
import { numberField } from './number-field.mjs';
import { MAX_FRAMES, MAX_SIZE } from '../../core/document.mjs';

/**
 * @param {import('../types.mjs').Context} context
 * @returns {import('../types.mjs').Panel}
 */
export function createInspector(context) {
  const { store, host } = context;
  const sections = [canvasSection(context), pointSection(context), trackSection(context), transformSection(context)];
  const panel = element('section', {
    class: 'panel inspector', attributes: { 'aria-label': text(host, 'inspector.title'), 'data-capture-wheel': 'true' },
  }, ...sections.map((section) => section.element));

  function show() {
    for (const section of sections) section.show();
  }

  const stopListening = host.onChange((what) => {
    if (what === 'canvas') show();
  });
  show();
  return {
    element: panel,
    update(changed) {
      // While a path is dragged during playback only its own numbers move.
      if (changed.has('document') || changed.has('selection')) show();
    },
    dispose: () => stopListening(),
  };

  /** @param {import('../types.mjs').Context} _ */
  function canvasSection(_) {
    /** @type {('width'|'height'|'frames'|'fps')[]} */
    const names = ['width', 'height', 'frames', 'fps'];
    const limits = { width: MAX_SIZE, height: MAX_SIZE, frames: MAX_FRAMES, fps: 1000 };
    const fields = names.map((name) => numberField({
      label: text(host, `inspector.${name}`), min: 1, max: limits[name], digits: name === 'fps' ? 3 : 0,
      caption: { width: 'W', height: 'H', frames: '', fps: '' }[name], unit: { width: 'px', height: 'px', frames: '', fps: 'fps' }[name],
      change: (value) => host.setCanvas({ [name]: value }),
    }));
    const section = element('div', { class: 'section' }, element('h3', { text: text(host, 'inspector.canvas') }),
      row(text(host, 'inspector.size'), element('span', { class: 'pair' }, fields[0].element, fields[1].element)),
      row(text(host, 'inspector.frames'), fields[2].element), row(text(host, 'inspector.rate'), fields[3].element));
    return {
      element: section,
      show() {
        section.hidden = store.selection.tracks.length > 0;
        if (section.hidden) return;
        const canvas = host.canvas();
        names.forEach((name, index) => fields[index].set(canvas[name]));
      },
    };
  }
}
