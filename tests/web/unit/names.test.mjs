import assert from 'node:assert/strict';
import test from 'node:test';

import { matchEntities } from '../../../web/core/names.mjs';
import { track } from './helpers.mjs';

const fox = { name: 'fox', thumbnail: 'a' };
const owl = { name: 'owl', thumbnail: null };
const at = (name, fields = {}) => track([[0, 0]], { name, ...fields });

test('tracks and entities meet by exactly the same name', () => {
  const { trackState, missing } = matchEntities([at('fox'), at('Fox'), at('fox'), at('owl', { hidden: true })], [fox, owl]);
  assert.deepEqual(trackState.map((state) => state.entity), [fox, null, fox, owl]);
  assert.deepEqual(missing, [owl]);
});

test('names of the prototype are names', () => {
  assert.equal(matchEntities([at('constructor')], [fox]).trackState[0].entity, null);
});
