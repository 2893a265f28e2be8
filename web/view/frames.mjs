/** One animation frame at a time, and only when somebody asked: an idle editor costs nothing. */

const KEPT_SAMPLES = 4096;

export class FrameLoop {
  /** @param {(now: number) => boolean} draw draws a frame; whether another one is wanted right after */
  constructor(draw) {
    this.draw = draw;
    /** @type {number|null} */
    this.handle = null;
    /** @type {{frames: number[], pointer: number[]}|null} milliseconds of our own scripting, kept only when measured */
    this.samples = null;
    this.disposed = false;
  }

  request() {
    if (this.handle !== null || this.disposed) return;
    this.handle = requestAnimationFrame((now) => this.#run(now));
  }

  /** What was asked for until now is in this frame: called when everything is looked at and before it is painted. */
  gathered() {
    if (this.handle !== null) cancelAnimationFrame(this.handle);
    this.handle = null;
  }

  /** @param {number} now */
  #run(now) {
    this.handle = null;
    const begun = this.samples ? performance.now() : 0;
    const again = this.draw(now);
    if (this.samples) keep(this.samples.frames, performance.now() - begun);
    if (again) this.request();
  }

  /**
   * Runs a pointer or key handler, and measures it where somebody asked for figures.
   * @param {() => void} work
   */
  measured(work) {
    if (!this.samples) return work();
    const begun = performance.now();
    work();
    if (this.samples) keep(this.samples.pointer, performance.now() - begun);
  }

  /** Figures since the last call. The first call starts the measuring. */
  stats() {
    const taken = this.samples ?? { frames: [], pointer: [] };
    this.samples = { frames: [], pointer: [] };
    return taken;
  }

  dispose() {
    this.disposed = true;
    if (this.handle !== null) cancelAnimationFrame(this.handle);
    this.handle = null;
  }
}

/**
 * @param {number[]} list
 * @param {number} value
 */
function keep(list, value) {
  if (list.length < KEPT_SAMPLES) list.push(value);
}
