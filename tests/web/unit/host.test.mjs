import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { join } from '../../../web/host/chain.mjs';
import { NodeHost } from '../../../web/host/host.mjs';

globalThis.MutationObserver ??= class {
  observe() {}
  disconnect() {}
};
globalThis.document ??= {};
globalThis.getComputedStyle ??= () => ({ backgroundColor: 'rgb(0, 0, 0)' });

const NAMES = ['width', 'height', 'frames', 'fps'];

/** A graph with one Primitive that gives the frames of several editors. */
function world(count) {
  const primitive = { id: 99, type: 'PrimitiveInt', widgets: [{ name: 'value', value: 49, callback() {} }] };
  const graph = { id: 'root', nodes: [], getNodeById: () => primitive };
  const link = { origin_id: 99, origin_slot: 0 };
  const api = new EventTarget();
  const comfy = { api, app: { canvas: {}, extensionManager: {} } };
  const hosts = Array.from({ length: count }, (_, id) => {
    const node = {
      id, graph, widgets: NAMES.map((name) => ({ name, value: 8, callback() {} })), inputs: NAMES.map((name) => ({ name })),
      isInputConnected: (slot) => NAMES[slot] === 'frames',
      getInputLink: (slot) => (NAMES[slot] === 'frames' ? link : null),
    };
    const host = new NodeHost(comfy, node, Object.assign(new EventTarget(), {}), () => {});
    host.start();
    return host;
  });
  return { hosts, primitive, look: () => api.dispatchEvent(new Event('graphChanged')) };
}

test('two editors at one number do not pile up on its callback, however often they look', () => {
  const { hosts, primitive, look } = world(2);
  const [{ callback }] = primitive.widgets;
  for (let i = 0; i < 100; i++) look();
  assert.equal(primitive.widgets[0].callback, callback);
  let heard = 0;
  hosts.forEach((host) => host.onChange((what) => { if (what === 'canvas') heard += 1; }));
  primitive.widgets[0].value = 33;
  primitive.widgets[0].callback(33);
  assert.equal(heard, 2);
  assert.equal(hosts[1].canvas().frames, 33);
});

test('an editor that is gone hears nothing, and comes back', () => {
  const { hosts: [first, second], primitive } = world(2);
  let heard = 0;
  first.onChange(() => { heard += 1; });
  first.stop();
  primitive.widgets[0].value = 17;
  primitive.widgets[0].callback(17);
  assert.equal(heard, 0);
  first.start();
  primitive.widgets[0].value = 21;
  primitive.widgets[0].callback(21);
  assert.ok(heard > 0);
  second.stop();
});

test('a link that somebody chained behind holds nobody any more', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const widget = { callback() {} };
  let listener = { said: new Array(1000) };
  const gone = new WeakRef(listener);
  const leave = join(widget, 'callback', ((held) => () => held.said)(listener));
  join(widget, 'callback', () => {});
  leave();
  listener = null;
  await new Promise((done) => setTimeout(done));
  collect();
  assert.equal(gone.deref(), undefined);
  widget.callback();
});
