/**
 * Small pictures that are drawn often: entities' round portraits and name labels, each painted once and kept.
 * A portrait that has not loaded, or has no picture, is a coloured disc with the name's first letters.
 */

import { needsDarkText } from './palette.mjs';

const FONT = '600 {size}px system-ui, -apple-system, "Segoe UI", sans-serif';
const MOST_SPRITES = 512;
const LONGEST_LABEL = 24;

/** @typedef {{image: HTMLCanvasElement, width: number, height: number}} Sprite sizes in CSS pixels */

export class Sprites {
  /** @param {() => void} loaded called when a picture has arrived */
  constructor(loaded) {
    this.loaded = loaded;
    /** @type {Map<string, Sprite>} */
    this.painted = new Map();
    /** @type {Map<string, HTMLImageElement|null>} null: it could not be loaded */
    this.pictures = new Map();
  }

  /** Forget everything that was painted: another theme or pixel ratio. */
  clear() {
    this.painted.clear();
  }

  dispose() {
    for (const picture of this.pictures.values()) if (picture) picture.onload = picture.onerror = null;
    this.pictures.clear();
    this.painted.clear();
  }

  /**
   * @param {string|null} url the entity's reference picture
   * @param {string} name
   * @param {string} color ring and fallback
   * @param {number} size diameter in CSS pixels
   * @param {number} ratio device pixels a CSS pixel
   * @returns {Sprite}
   */
  portrait(url, name, color, size, ratio) {
    const picture = url ? this.#picture(url) : null;
    const key = `p|${picture ? url : name}|${color}|${size}|${ratio}`;
    return this.#once(key, size + 4, size + 4, ratio, (context) => {
      const [centre, radius] = [size / 2 + 2, size / 2];
      context.beginPath();
      context.arc(centre, centre, radius + 1, 0, 7);
      context.fillStyle = 'rgba(0,0,0,0.4)';
      context.fill();
      context.save();
      context.beginPath();
      context.arc(centre, centre, radius, 0, 7);
      context.fillStyle = color;
      context.fill();
      context.clip();
      if (picture) drawCovering(context, picture, 2, size);
      else if (name.trim()) drawInitials(context, name, color, centre, size);
      context.restore();
      context.beginPath();
      context.arc(centre, centre, radius - 1, 0, 7);
      context.lineWidth = 2;
      context.strokeStyle = color;
      context.stroke();
    });
  }

  /**
   * @param {string} text
   * @param {string} color of the dot in front
   * @param {{text: string, chip: string}} palette
   * @param {number} ratio
   * @returns {Sprite}
   */
  label(text, color, palette, ratio) {
    const shown = [...text].length > LONGEST_LABEL ? `${[...text].slice(0, LONGEST_LABEL - 1).join('')}…` : text;
    const font = FONT.replace('{size}', '11');
    const width = Math.ceil(measure(font, shown)) + 20;
    return this.#once(`l|${shown}|${color}|${palette.chip}|${ratio}`, width, 18, ratio, (context) => {
      context.beginPath();
      context.roundRect(0, 0, width, 18, 9);
      context.fillStyle = palette.chip;
      context.fill();
      context.beginPath();
      context.arc(9, 9, 3.5, 0, 7);
      context.fillStyle = color;
      context.fill();
      context.font = font;
      context.textBaseline = 'middle';
      context.fillStyle = palette.text;
      context.fillText(shown, 15, 9.5);
    });
  }

  /**
   * @param {string} key
   * @param {number} width
   * @param {number} height
   * @param {number} ratio
   * @param {(context: CanvasRenderingContext2D) => void} paint
   * @returns {Sprite}
   */
  #once(key, width, height, ratio, paint) {
    const known = this.painted.get(key);
    if (known) return known;
    if (this.painted.size >= MOST_SPRITES) this.painted.clear();
    const image = document.createElement('canvas');
    image.width = Math.ceil(width * ratio);
    image.height = Math.ceil(height * ratio);
    const context = image.getContext('2d');
    if (context) {
      context.scale(ratio, ratio);
      paint(context);
    }
    const sprite = { image, width, height };
    this.painted.set(key, sprite);
    return sprite;
  }

  /** @param {string} url */
  #picture(url) {
    const known = this.pictures.get(url);
    if (known !== undefined) return known && known.complete && known.naturalWidth > 0 ? known : null;
    const picture = new Image();
    this.pictures.set(url, picture);
    picture.onload = () => this.loaded();
    picture.onerror = () => this.pictures.set(url, null);
    picture.src = url;
    return null;
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLImageElement} picture
 * @param {number} at
 * @param {number} size
 */
function drawCovering(context, picture, at, size) {
  const side = Math.min(picture.naturalWidth, picture.naturalHeight);
  const [left, top] = [(picture.naturalWidth - side) / 2, (picture.naturalHeight - side) / 2];
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, left, top, side, side, at, at, size, size);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} name
 * @param {string} color
 * @param {number} centre
 * @param {number} size
 */
function drawInitials(context, name, color, centre, size) {
  const words = name.trim().split(/\s+/u);
  const number = /\d{1,3}$/.exec(name)?.[0]; // "track 12" is told from "track 13" by it
  const letters = number ?? (words.length > 1 ? [...words[0]][0] + [...words[words.length - 1]][0] : [...name.trim()].slice(0, 2).join(''));
  context.font = FONT.replace('{size}', String(Math.round(size * 0.38)));
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = needsDarkText(color) ? '#10131a' : '#ffffff';
  context.fillText(letters.toUpperCase(), centre, centre + size * 0.03);
}

/** @type {CanvasRenderingContext2D|null} */
let ruler = null;

/**
 * @param {string} font
 * @param {string} text
 */
function measure(font, text) {
  ruler ??= document.createElement('canvas').getContext('2d');
  if (!ruler) return text.length * 7;
  ruler.font = font;
  return ruler.measureText(text).width;
}
