/** Where frames are on the timeline: which part of the clip is shown, and how wide a frame is. */

/** Room beside the first and last frame, for handles that stand outside them. */
const PAD = 16;
const MIN_FRAMES_SHOWN = 4;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];

export class TimeScale {
  /** First and last frame shown, with fractions. */
  from = 0;
  to = 1;
  /** CSS pixels: all of it, and the column of names at its left. */
  width = 0;
  head = 0;
  /** The clip's last frame. */
  last = 0;

  /** Whether the whole clip is shown. */
  get whole() {
    return this.from === 0 && this.to === Math.max(this.last, 1);
  }

  get perFrame() {
    return Math.max(this.width - this.head - 2 * PAD, 1) / (this.to - this.from);
  }

  /** @param {number} last the clip's last frame */
  setClip(last) {
    if (last === this.last) return;
    const whole = this.whole;
    this.last = last;
    if (whole) this.showAll();
    else this.#show(this.from, this.to - this.from);
  }

  showAll() {
    this.from = 0;
    this.to = Math.max(this.last, 1);
  }

  /**
   * @param {number} frame
   * @returns {number} CSS pixels from the left
   */
  x(frame) {
    return this.head + PAD + (frame - this.from) * this.perFrame;
  }

  /**
   * @param {number} x
   * @returns {number} frame with its fraction, within the clip
   */
  time(x) {
    return Math.min(Math.max(this.from + (x - this.head - PAD) / this.perFrame, 0), this.last);
  }

  /**
   * @param {number} x
   * @returns {number} the nearest whole frame of the clip
   */
  frame(x) {
    return Math.min(Math.max(Math.round(this.time(x)), 0), this.last);
  }

  /**
   * Shows less or more of the clip; the frame at `x` stays there.
   * @param {number} x
   * @param {number} factor above 1 shows less
   */
  zoom(x, factor) {
    const at = this.time(x);
    const most = Math.max(this.last, 1);
    const length = Math.min(Math.max((this.to - this.from) / factor, Math.min(MIN_FRAMES_SHOWN, most)), most);
    const share = (at - this.from) / (this.to - this.from);
    this.#show(at - share * length, length);
  }

  /** @param {number} pixels */
  pan(pixels) {
    this.#show(this.from + pixels / this.perFrame, this.to - this.from);
  }

  /**
   * Moves what is shown so that a frame is among it.
   * @param {number} frame
   * @returns {boolean} whether it had to
   */
  reveal(frame) {
    if (frame >= this.from && frame <= this.to) return false;
    const length = this.to - this.from;
    this.#show(frame - length * (frame < this.from ? 0.1 : 0.9), length);
    return true;
  }

  /** Frames between two numbers of the ruler, and between two of its marks. */
  get steps() {
    const { perFrame } = this;
    const digits = String(this.last).length;
    const label = STEPS.find((step) => step * perFrame >= 18 + 8 * digits) ?? STEPS[STEPS.length - 1];
    const mark = STEPS.find((step) => step * perFrame >= 5 && label % step === 0) ?? label;
    return { label, mark };
  }

  /**
   * @param {number} from
   * @param {number} length
   */
  #show(from, length) {
    const most = Math.max(this.last, 1);
    const kept = Math.min(length, most);
    this.from = Math.min(Math.max(from, 0), most - kept);
    this.to = this.from + kept;
  }
}
