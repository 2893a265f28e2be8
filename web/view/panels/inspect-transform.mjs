/** Moving, scaling, rotating, mirroring, aligning and distributing the selection by numbers. */

import { affectedPoints } from '../../core/selection.mjs';
import { boundingBox, mirror, rotate, scale, translate } from '../../core/transform.mjs';
import { alignObjects, distributeObjects } from './arrange.mjs';
import { button, element, row, select, setPressed, setText, text } from './controls.mjs';
import { numberField } from './number-field.mjs';

/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {readonly (readonly [number, number])[]} Points */

/**
 * @param {import('../types.mjs').Context} context
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function transformSection({ store, host }) {
  const say = (/** @type {string} */ key, /** @type {Record<string, string|number>} */ values = {}) => text(host, key, values);
  /** @type {{merge: string, document: Document, points: Points, pivot: {x: number, y: number}}|null} */
  let gesture = null;
  let linked = true;

  /**
   * Each change of a drag starts from the document as it was when the drag began.
   *
   * @param {string} step
   * @param {string} merge
   * @param {(document: Document, points: Points, pivot: {x: number, y: number}) => Document} change
   */
  function apply(step, merge, change) {
    if (gesture?.merge !== merge) {
      const { document } = store;
      const points = affectedPoints(document, store.selection);
      gesture = { merge, document, points, pivot: pivotOf(document, points) };
    }
    const { document, points, pivot } = gesture;
    store.edit(say(step), () => change(document, points, pivot), { merge });
  }

  /**
   * @param {string} step
   * @param {(document: Document) => Document} change
   */
  function once(step, change) {
    store.edit(say(step), change);
  }

  const pivot = select({
    label: say('inspector.pivot'),
    choices: ['Selection', 'Canvas', 'First'].map((value) => ({ value, label: say(`inspector.pivot${value}`) })),
    change: () => {},
  });
  const target = select({
    label: say('inspector.alignTo'),
    choices: ['selection', 'canvas'].map((value) => ({
      value, label: say(value === 'canvas' ? 'inspector.alignCanvas' : 'inspector.alignSelection'),
    })),
    change: show,
  });

  /**
   * @param {Document} document
   * @param {Points} points
   */
  function pivotOf(document, points) {
    const box = boundingBox(document, points);
    const first = points[0] && document.tracks[points[0][0]].points[points[0][1]];
    if (pivot.value === 'First' && first) return { x: first.x * document.width, y: first.y * document.height };
    if (pivot.value === 'Canvas' || !box) return { x: document.width / 2, y: document.height / 2 };
    return { x: box.centerX, y: box.centerY };
  }

  const moveX = numberField({
    label: say('inspector.moveX'), caption: 'X', unit: 'px', neutral: 0,
    change: (value, merge) => apply('step.move', merge, (document, points) => translate(document, points, value, 0)),
  });
  const moveY = numberField({
    label: say('inspector.moveY'), caption: 'Y', unit: 'px', neutral: 0,
    change: (value, merge) => apply('step.move', merge, (document, points) => translate(document, points, 0, value)),
  });
  /** @param {'X'|'Y'} axis */
  const scaleField = (axis) => numberField({
    label: say(axis === 'X' ? 'inspector.scaleX' : 'inspector.scaleY'), caption: axis, unit: '%', neutral: 100, min: 0, max: 10000,
    change: (value, merge) => apply('step.scale', merge, (document, points, around) => scale(document, points,
      axis === 'X' || linked ? value / 100 : 1, axis === 'Y' || linked ? value / 100 : 1, around)),
  });
  const scaleX = scaleField('X');
  const scaleY = scaleField('Y');
  const link = button({
    label: say('inspector.scaleLink'), icon: 'link', pressed: true,
    run: () => {
      linked = !linked;
      setPressed(link, linked);
    },
  });
  const turn = numberField({
    label: say('inspector.rotate'), unit: '°', neutral: 0, caption: '↻',
    change: (value, merge) => apply('step.rotate', merge, (document, points, around) =>
      rotate(document, points, (value * Math.PI) / 180, around)),
  });

  /** @param {'horizontal'|'vertical'} direction */
  const flip = (direction) => button({
    label: say(direction === 'horizontal' ? 'inspector.mirrorX' : 'inspector.mirrorY'),
    icon: direction === 'horizontal' ? 'mirrorX' : 'mirrorY',
    run: () => once('step.mirror', (document) => {
      const points = affectedPoints(document, store.selection);
      return mirror(document, points, direction, pivotOf(document, points));
    }),
  });
  const edges = /** @type {const} */ (['left', 'center', 'right', 'top', 'middle', 'bottom']);
  const aligning = edges.map((edge) => {
    const key = `align${edge[0].toUpperCase()}${edge.slice(1)}`;
    return button({
      label: say(`inspector.${key}`), icon: key,
      run: () => once('step.align', (document) =>
        alignObjects(document, store.selection, edge, target.value === 'canvas' ? 'canvas' : 'selection')),
    });
  });
  const distributing = /** @type {const} */ (['x', 'y']).map((axis) => button({
    label: say(`inspector.distribute${axis.toUpperCase()}`), icon: `distribute${axis.toUpperCase()}`,
    run: () => once('step.distribute', (document) => distributeObjects(document, store.selection, axis)),
  }));

  const heading = element('h3');
  const several = [
    row(say('inspector.pivot'), pivot),
    row(say('inspector.scale'), element('span', { class: 'pair' }, scaleX.element, scaleY.element), link),
    row(say('inspector.rotate'), turn.element, flip('horizontal'), flip('vertical')),
  ];
  const section = element('div', { class: 'section' }, heading,
    row(say('inspector.move'), element('span', { class: 'pair' }, moveX.element, moveY.element)), ...several,
    row(say('inspector.alignTo'), target),
    element('span', { class: 'buttons' }, ...aligning, ...distributing));

  function show() {
    const { document, selection } = store;
    const tracks = selection.tracks.filter((index) => document.tracks[index]);
    const points = selection.points.length;
    const editable = tracks.some((index) => !document.tracks[index].locked);
    section.hidden = tracks.length === 0 || !editable;
    if (section.hidden) return;
    const objects = points || tracks.length;
    setText(heading, points > 1 ? say('inspector.transformPoints', { count: points })
      : tracks.length > 1 ? say('inspector.transformTracks', { count: tracks.length }) : say('inspector.transform'));
    const lone = points === 1 || (points === 0 && tracks.length === 1 && document.tracks[tracks[0]].points.length === 1);
    for (const part of several) part.hidden = lone && pivot.value !== 'Canvas';
    for (const control of aligning) control.disabled = objects < 2 && target.value !== 'canvas';
    for (const control of distributing) control.disabled = objects < 3;
  }

  return { element: section, show };
}
