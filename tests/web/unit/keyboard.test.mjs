import assert from 'node:assert/strict';
import test from 'node:test';

import { Store } from '../../../web/core/store.mjs';
import { runForKey } from '../../../web/host/undo.mjs';
import { Keyboard, keepKey } from '../../../web/view/keyboard.mjs';
import { cycle } from '../../../web/view/tools/candidates.mjs';
import { drawing, track } from './helpers.mjs';

for (const name of ['HTMLTextAreaElement', 'HTMLSelectElement', 'HTMLInputElement']) globalThis[name] ??= class {};

/** A keyboard on a bare element; what it asks for is noted. */
function keys({ historyKey = (run) => (run(), true), cycle: next = () => false } = {}) {
  const element = new EventTarget();
  const ran = [];
  const command = (name, keys, possible = true) => ({ name, keys, enabled: () => possible, run: () => ran.push(name) });
  const commands = { undo: command('undo', ['Mod+Z']), redo: command('redo', ['Mod+Y'], false), draw: command('draw', ['D']) };
  const stage = { element, frames: { measured: (work) => work() }, input: { modifiers() {} } };
  new Keyboard(element, { commands, stage, historyKey, cycle: next, menu() {}, closePopped: () => false, settle() {} });
  const press = (key, held = {}) => {
    const event = Object.assign(new Event('keydown', { cancelable: true }), { key, ...held });
    element.dispatchEvent(event);
    return event.defaultPrevented;
  };
  return { press, ran };
}

/** ComfyUI, whose undo has so many steps. */
function comfy(mode, steps = 0, ui = {}) {
  const changeTracker = { undoQueue: Array(steps).fill({}) };
  return { app: { ui, extensionManager: { queueSettings: { mode }, workflow: { activeWorkflow: { changeTracker } } } }, changeTracker };
}

/** What waits for the next frame. */
function frames() {
  const waiting = [];
  globalThis.requestAnimationFrame = (work) => waiting.push(work);
  return () => waiting.splice(0).forEach((work) => work());
}

test('the keys of undo are the editor\'s own', () => {
  for (const host of [comfy('disabled'), comfy('instant-idle'), { app: {} }]) {
    const { press, ran } = keys({ historyKey: (run) => runForKey(host, run) });
    assert.equal(press('z', { ctrlKey: true }), true);
    assert.deepEqual(ran, ['undo']);
  }
});

test('where ComfyUI undoes whatever has the focus, the editor does not undo as well', () => {
  for (const host of [comfy('change', 3), comfy('disabled', 3, { autoQueueEnabled: true, autoQueueMode: 'change' })]) {
    const next = frames();
    const { press, ran } = keys({ historyKey: (run) => runForKey(host, run) });
    requestAnimationFrame(() => host.changeTracker.undoQueue.pop());
    assert.equal(press('z', { ctrlKey: true }), false);
    next();
    assert.deepEqual(ran, []);
    assert.equal(press('d'), true, 'all other keys are as ever');
  }
});

test('a frontend that spares the editor all the same leaves undo to it', () => {
  const next = frames();
  const host = comfy('change', 3);
  const { press, ran } = keys({ historyKey: (run) => runForKey(host, run) });
  press('z', { ctrlKey: true });
  next();
  assert.deepEqual(ran, ['undo']);
});

test('Tab goes through what is under the pointer and then on, both ways', () => {
  const store = new Store(drawing([track([[0.1, 0.1], [0.9, 0.9]]), track([[0.5, 0.5]]), track([[0.1, 0.9], [0.9, 0.1]])]));
  const surface = { store, hits: () => [{ track: 2 }, { track: 0 }, { track: 2 }] };
  const { press } = keys({ cycle: (step) => cycle(surface, {}, step) });
  const tab = (held) => [press('Tab', held), ...store.selection.tracks];
  assert.deepEqual([tab(), tab(), tab()], [[true, 0], [true, 2], [false, 2]]);
  const back = { shiftKey: true };
  assert.deepEqual([tab(back), tab(back)], [[true, 0], [false, 0]]);
  store.set({ selection: { tracks: [1], points: [] } });
  assert.deepEqual(tab(back), [true, 2]);
  assert.equal(keys({ cycle: (step) => cycle({ store, hits: () => [] }, {}, step) }).press('Tab'), false);
});

test('a field keeps what is typed into it from ComfyUI, but not run, save and open', () => {
  const reaches = (key, held = {}) => {
    let stopped = false;
    keepKey({ key, ...held, stopPropagation: () => { stopped = true; } });
    return !stopped;
  };
  for (const key of ['a', 'Delete', 'Enter', 'ArrowLeft', '1']) assert.equal(reaches(key), false, key);
  for (const key of ['a', 'c', 'v', 'x', 'z']) assert.equal(reaches(key, { ctrlKey: true }), false, key);
  for (const key of ['Enter', 's', 'o']) assert.equal(reaches(key, { metaKey: true }), true, key);
  assert.equal(reaches('Enter', { ctrlKey: true, shiftKey: true }), true);
});

test('a list keeps its letters and leaves undo to the editor', () => {
  const element = new HTMLSelectElement();
  const { press, ran } = keys();
  const within = (key, held) => {
    const path = Event.prototype.composedPath;
    Event.prototype.composedPath = () => [element];
    try {
      return press(key, held);
    } finally {
      Event.prototype.composedPath = path;
    }
  };
  assert.equal(within('d'), false);
  assert.equal(within('z', { ctrlKey: true }), true);
  assert.deepEqual(ran, ['undo']);
});
