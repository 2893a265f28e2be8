/**
 * A page for the editor without ComfyUI: a stand-in for the host, and drawings to try it with. Query: `theme` dark|light,
 * `width`, `height` of the editor in pixels, `scale` of the "graph", `scene` empty|story|crowd. For tests everything is in
 * `window.bench`.
 */

import { createEditor } from '../../web/view/editor.mjs';
import { fill, TEXTS } from '../../web/view/texts.en.mjs';

const query = new URLSearchParams(location.search);
const place = /** @type {HTMLElement} */ (document.getElementById('place'));
const graph = /** @type {HTMLElement} */ (document.getElementById('graph'));

/** A stand-in for a reference picture. */
function picture(draw, size = 96) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size;
  draw(canvas.getContext('2d'), size);
  return canvas.toDataURL();
}

const fox = picture((context, size) => {
  context.fillStyle = '#ffd9a8';
  context.fillRect(0, 0, size, size);
  context.fillStyle = '#d9631e';
  context.beginPath();
  context.moveTo(size * 0.15, size * 0.15);
  context.lineTo(size * 0.4, size * 0.32);
  context.lineTo(size * 0.6, size * 0.32);
  context.lineTo(size * 0.85, size * 0.15);
  context.lineTo(size * 0.8, size * 0.6);
  context.lineTo(size * 0.5, size * 0.9);
  context.lineTo(size * 0.2, size * 0.6);
  context.fill();
  context.fillStyle = '#222';
  context.fillRect(size * 0.34, size * 0.46, size * 0.08, size * 0.08);
  context.fillRect(size * 0.58, size * 0.46, size * 0.08, size * 0.08);
});
const balloon = picture((context, size) => {
  context.fillStyle = '#bfe3ff';
  context.fillRect(0, 0, size, size);
  context.fillStyle = '#d22f48';
  context.beginPath();
  context.ellipse(size / 2, size * 0.42, size * 0.28, size * 0.34, 0, 0, 7);
  context.fill();
});
const landscape = (() => {
  const canvas = document.createElement('canvas');
  canvas.width = 720;
  canvas.height = 480;
  const context = canvas.getContext('2d');
  const sky = context.createLinearGradient(0, 0, 0, 320);
  sky.addColorStop(0, '#5b8fd6');
  sky.addColorStop(1, '#f3cf9e');
  context.fillStyle = sky;
  context.fillRect(0, 0, 720, 480);
  for (const [color, base, height, phase] of [['#6d7fa6', 300, 60, 0], ['#54734f', 350, 40, 2], ['#3f5a35', 400, 24, 4]]) {
    context.fillStyle = color;
    context.beginPath();
    context.moveTo(0, 480);
    for (let x = 0; x <= 720; x += 10) context.lineTo(x, base - height * Math.sin(x / 110 + phase));
    context.lineTo(720, 480);
    context.fill();
  }
  return canvas.toDataURL();
})();

export const SCENES = {
  empty: () => '',
  story: () => JSON.stringify({
    version: 1, width: 720, height: 480, frames: 49, fps: 8,
    tracks: [
      { name: 'fox', color: '#f58231', points: [
        { x: 0.08, y: 0.82, frame: 0 }, { x: 0.25, y: 0.7 }, { x: 0.42, y: 0.78, frame: 20, easing: 'ease-in-out' },
        { x: 0.62, y: 0.6 }, { x: 0.9, y: 0.74, frame: 48 }] },
      { name: 'red balloon', color: '#e6194b', start: 6, end: 40, points: [
        { x: 0.2, y: 0.55 }, { x: 0.3, y: 0.3 }, { x: 0.52, y: 0.22 }, { x: 0.75, y: 0.3 }, { x: 1.15, y: 0.1 }] },
      { name: 'cloud', color: '#42d4f4', interpolation: 'linear', points: [{ x: 0.9, y: 0.12 }, { x: 0.55, y: 0.16 }, { x: 0.1, y: 0.1 }] },
      { name: 'tree', color: '#3cb44b', kind: 'static', points: [{ x: 0.8, y: 0.52 }] },
    ],
  }),
  crowd: (tracks = 64, points = 100) => JSON.stringify({
    version: 1, width: 720, height: 480, frames: 81, fps: 16,
    tracks: Array.from({ length: tracks }, (_, t) => ({
      name: `track ${t + 1}`, color: ['#e6194b', '#3cb44b', '#4363d8', '#f58231', '#911eb4', '#42d4f4', '#f032e6', '#bfef45'][t % 8],
      points: Array.from({ length: points }, (_, p) => {
        const [share, phase] = [p / (points - 1), t * 0.7];
        return { x: 0.05 + 0.9 * share, y: 0.1 + (0.8 * (t + 0.5)) / tracks + 0.06 * Math.sin(share * 14 + phase) };
      }),
    })),
  }),
};

export class FakeHost {
  constructor({ dark = true, entities = [], canvas = {}, background = null } = {}) {
    this.dark = dark;
    this.list = entities;
    this.size = { width: 720, height: 480, frames: 49, fps: 8, ...canvas };
    this.linked = background;
    this.commits = [];
    this.notices = [];
    this.forwarded = [];
    this.uploads = [];
    this.listeners = new Set();
    for (const name of Object.getOwnPropertyNames(FakeHost.prototype)) {
      if (name !== 'constructor') this[name] = this[name].bind(this);
    }
  }

  entities() { return this.list; }
  canvas() { return this.size; }
  setCanvas(partial) {
    this.size = { ...this.size, ...partial };
    this.tell('canvas');
  }
  background() { return this.linked; }
  resolveImage(reference) { return this.uploads.find(({ name }) => reference.startsWith(name))?.url ?? `/missing/${reference}`; }
  async upload(file, name) {
    this.uploads.push({ name, url: URL.createObjectURL(file) });
    return `${name} [input]`;
  }
  commit(text) { this.commits.push(text); }
  historyKey(run) {
    run();
    return true;
  }
  text(key, values) { return fill(TEXTS[key] ?? key, values); }
  notify(level, message) { this.notices.push({ level, message }); }
  isDark() { return this.dark; }
  onChange(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  forwardPan(event) { this.forwarded.push(event.type); }
  tell(what) { for (const listener of [...this.listeners]) listener(what); }
}

const dark = query.get('theme') !== 'light';
document.body.className = dark ? 'dark' : 'light';
const full = query.get('width') === 'full';
place.style.width = full ? 'calc(100vw - 20px)' : `${query.get('width') ?? 1100}px`;
place.style.height = full ? 'calc(100vh - 20px)' : `${query.get('height') ?? 700}px`;
graph.style.transform = `scale(${query.get('scale') ?? 1})`;

const host = new FakeHost({
  dark,
  entities: query.has('nobody') ? [] : [
    { name: 'fox', phrase: 'a red fox', thumbnail: fox, node: '3' },
    { name: 'red balloon', phrase: 'a red balloon', thumbnail: balloon, node: '4' },
    { name: 'owl', phrase: 'an owl', thumbnail: null, node: '5' },
  ],
  background: query.has('background') ? { url: landscape, kind: 'image' } : null,
  canvas: query.get('scene') === 'crowd' ? { frames: 81, fps: 16 } : {},
});
const editor = createEditor(place, host);
editor.value = SCENES[query.get('scene') ?? 'empty']?.() ?? '';
window.bench = { editor, host, place, SCENES, createEditor, FakeHost, landscape, setScale: (scale) => { graph.style.transform = `scale(${scale})`; } };
