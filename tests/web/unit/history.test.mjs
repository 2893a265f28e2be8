import assert from 'node:assert/strict';
import test from 'node:test';

import { identityOf, changed } from '../../../web/core/change.mjs';
import { History } from '../../../web/core/history.mjs';
import { NOTHING, select } from '../../../web/core/selection.mjs';
import { drawing, track } from './helpers.mjs';

const states = [...Array(6).keys()].map((i) => drawing([track([[i / 10, 0]])]));

test('a new step takes the undone ones away', () => {
  const history = new History(states[0], NOTHING);
  history.push('a', states[1], NOTHING, NOTHING);
  history.push('b', states[2], NOTHING, NOTHING);
  history.undo();
  assert.deepEqual([history.undoLabel, history.redoLabel], ['a', 'b']);
  history.push('c', states[3], NOTHING, NOTHING);
  assert.deepEqual([history.undoLabel, history.canRedo, history.redo()], ['c', false, null]);
});

test('a gesture begun after undo does not merge into the step before it', () => {
  const history = new History(states[0], NOTHING);
  history.push('a', states[1], NOTHING, NOTHING, 'drag');
  history.push('b', states[2], NOTHING, NOTHING, 'other');
  history.undo();
  history.push('c', states[3], NOTHING, NOTHING, 'drag');
  history.undo();
  assert.equal(history.document, states[1]);
});

test('the nearest of equal states is gone to', () => {
  const history = new History(states[0], NOTHING);
  for (const i of [1, 2, 1, 3]) history.push(`to ${i}`, states[i], NOTHING, select({ tracks: [0] }));
  assert.deepEqual(history.goTo((document) => document === states[1]), { tracks: [0], points: [] });
  assert.equal(history.redoLabel, 'to 3');
  assert.equal(history.goTo((document) => document === states[5]), null);
  assert.equal(history.redoLabel, 'to 3');
});

test('identity goes with a change and not with a copy', () => {
  const point = states[0].tracks[0].points[0];
  assert.equal(identityOf(changed(point, { x: 0.5 })), identityOf(point));
  assert.notEqual(identityOf({ ...point }), identityOf(point));
  assert.equal(changed(point, { x: point.x }), point);
});
