/** Dragging a row of the track list to another place. */

import { element, setAttribute } from './controls.mjs';

const EDGE = 24;

/**
 * @param {HTMLElement} scroll the scrolling box; rows are dragged by their `.grip`
 * @param {() => HTMLElement[]} rows in their order
 * @param {(from: number, to: number) => void} moved
 * @returns {() => void} ends it
 */
export function makeReorderable(scroll, rows, moved) {
  const line = element('div', { class: 'drop', attributes: { hidden: true } });
  scroll.append(line);
  /** @type {{from: number, gap: number, pointer: number, row: HTMLElement}|null} */
  let drag = null;

  /** @param {PointerEvent} event */
  function down(event) {
    const grip = event.target instanceof Element ? event.target.closest('.grip') : null;
    const row = grip?.closest('.track');
    if (!(row instanceof HTMLElement) || event.button !== 0) return;
    const from = rows().indexOf(row);
    if (from < 0) return;
    drag = { from, gap: from, pointer: event.pointerId, row };
    scroll.setPointerCapture(event.pointerId);
    setAttribute(row, 'data-dragged', true);
    event.stopPropagation();
  }

  /** @param {PointerEvent} event */
  function move(event) {
    if (!drag || event.pointerId !== drag.pointer) return;
    const box = scroll.getBoundingClientRect();
    const scale = box.height / (scroll.offsetHeight || 1) || 1; // the graph may be zoomed
    if (event.clientY < box.top + EDGE * scale) scroll.scrollTop -= 8;
    if (event.clientY > box.bottom - EDGE * scale) scroll.scrollTop += 8;
    const all = rows();
    drag.gap = all.findIndex((row) => {
      const { top, height } = row.getBoundingClientRect();
      return event.clientY < top + height / 2;
    });
    if (drag.gap < 0) drag.gap = all.length;
    const next = all[drag.gap];
    const y = next ? next.offsetTop : all[all.length - 1].offsetTop + all[all.length - 1].offsetHeight;
    line.hidden = false;
    line.style.top = `${y - 1}px`;
  }

  /** @param {PointerEvent} event */
  function end(event) {
    if (!drag || event.pointerId !== drag.pointer) return;
    const { from, gap, row } = drag;
    drag = null;
    line.hidden = true;
    setAttribute(row, 'data-dragged', false);
    const to = gap > from ? gap - 1 : gap;
    if (event.type === 'pointerup' && to !== from) moved(from, to);
  }

  scroll.addEventListener('pointerdown', down);
  scroll.addEventListener('pointermove', move);
  scroll.addEventListener('pointerup', end);
  scroll.addEventListener('pointercancel', end);
  return () => {
    scroll.removeEventListener('pointerdown', down);
    scroll.removeEventListener('pointermove', move);
    scroll.removeEventListener('pointerup', end);
    scroll.removeEventListener('pointercancel', end);
  };
}
