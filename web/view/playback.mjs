/** The clip's clock: it moves `store.frame` at the document's own speed and knows the fraction between two frames. */

import { optionsOf } from './options.mjs';

/** @typedef {import('./types.mjs').Store} Store */
/** @typedef {import('./types.mjs').Playback} Playback */

/** A page in the background sends no frames; when it comes back the clock goes on from where it stood. */
const LONGEST_STEP_MS = 250;

/**
 * @param {Store} store
 * @param {() => void} wake asks for an animation frame
 * @returns {Playback}
 */
export function createPlayback(store, wake) {
  let previous = -1;
  let own = false; // the store's change comes from this clock

  /** @type {Playback} */
  const playback = {
    time: store.frame,
    play() {
      if (lastFrame() === 0) return;
      if (playback.time >= lastFrame()) playback.time = 0;
      show();
      store.set({ playing: true });
    },
    pause() {
      if (store.playing) store.set({ playing: false });
    },
    toggle() {
      if (store.playing) playback.pause();
      else playback.play();
    },
    seek(frame) {
      playback.time = Math.min(Math.max(Math.round(frame), 0), lastFrame());
      show();
      wake();
    },
    step(frames) {
      playback.pause();
      playback.seek(store.frame + frames);
    },
    tick(now) {
      if (!store.playing) {
        previous = -1;
        return false;
      }
      const elapsed = previous < 0 ? 0 : Math.min(now - previous, LONGEST_STEP_MS);
      previous = now;
      advance((elapsed / 1000) * store.document.fps * optionsOf(store).rate);
      return store.playing;
    },
    dispose: store.subscribe((changed) => {
      if (changed.has('frame') && !own) playback.time = store.frame;
      if (changed.has('document') && playback.time > lastFrame()) playback.seek(lastFrame());
      if (changed.has('playing') && store.playing) {
        previous = -1;
        if (playback.time >= lastFrame()) playback.time = 0;
        wake();
      }
      if (changed.has('playing') && !store.playing) playback.time = store.frame;
    }),
  };

  function lastFrame() {
    return store.document.frames - 1;
  }

  /** @param {number} frames */
  function advance(frames) {
    let time = playback.time + frames;
    const length = store.document.frames; // the last frame is shown as long as the others
    if (time >= length) {
      if (store.options.loop) time %= length;
      else {
        playback.time = lastFrame();
        show();
        playback.pause();
        return;
      }
    }
    playback.time = time;
    show();
  }

  function show() {
    const frame = Math.min(Math.floor(playback.time), lastFrame());
    if (frame === store.frame) return;
    own = true;
    store.set({ frame });
    own = false;
  }

  return playback;
}
