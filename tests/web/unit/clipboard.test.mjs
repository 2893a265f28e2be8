import assert from 'node:assert/strict';
import test from 'node:test';

import { select } from '../../../web/core/selection.mjs';
import { Store } from '../../../web/core/store.mjs';
import { Clipboard } from '../../../web/view/clipboard.mjs';
import { drawing, track } from './helpers.mjs';

function clipboardOf(...tracks) {
  const store = new Store(drawing(tracks));
  const said = [];
  return { store, said, clipboard: new Clipboard(new EventTarget(), { store, host: {}, text: (key) => key, say: (key) => said.push(key) }) };
}

globalThis.navigator ??= {}; // Node has one from version 21 on

const places = (store) => store.document.tracks.map(({ points }) => points.map(({ x }) => x));

test('what is cut comes back by pasting, as it was', () => {
  const { store, clipboard } = clipboardOf(track([[0.1, 0.1], [0.5, 0.5], [0.9, 0.1]]), track([[0.2, 0.2]]));
  store.set({ selection: select({ points: [[0, 1]] }) });
  const text = clipboard.selectedText();
  clipboard.cut();
  assert.deepEqual(places(store), [[0.2]], 'the whole track, as it is what was copied');
  assert.ok(clipboard.importText(text, { pasted: true }));
  assert.deepEqual(places(store), [[0.2], [0.1, 0.5, 0.9]]);
});

test('locked tracks are copied and stay', () => {
  const { store, clipboard } = clipboardOf(track([[0.1, 0.1]], { locked: true }));
  store.set({ selection: select({ tracks: [0] }) });
  clipboard.cut();
  assert.equal(store.document.tracks.length, 1);
});

test('what is pasted lies beside its original, what is dropped where it was', () => {
  for (const [how, wanted] of [[{ pasted: true }, 0.1 + 20 / 720], [{}, 0.1]]) {
    const { store, clipboard } = clipboardOf(track([[0.1, 0.1]]));
    store.set({ selection: select({ tracks: [0] }) });
    clipboard.importText(clipboard.selectedText(), how);
    assert.ok(Math.abs(places(store)[1][0] - wanted) < 1e-6);
  }
});

test('what is dropped and is no picture, drawing or text goes on to ComfyUI', () => {
  const store = new Store(drawing([]));
  const element = Object.assign(new EventTarget(), { removeAttribute() {}, setAttribute() {} });
  new Clipboard(element, { store, host: {}, text: (key) => key, say() {} });
  const drop = (file) => {
    const event = Object.assign(new Event('drop', { cancelable: true }), { dataTransfer: { files: [file] } });
    element.dispatchEvent(event);
    return event.defaultPrevented;
  };
  assert.equal(drop({ name: 'result.mp4', type: 'video/mp4' }), false);
  assert.equal(drop({ name: 'path.txt', type: 'text/plain', size: 3, text: async () => '[]' }), true);
});
