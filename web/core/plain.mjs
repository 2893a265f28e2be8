/** Reading JSON that nobody vouches for: every way it can fail becomes one sentence. Mirrors Python's `plain.py`. */

/** 64 tracks of 4,096 points at some 60 characters a point are 16 million characters. */
export const MAX_TEXT = 32_000_000;
export const MAX_DEPTH = 32;

/** What Python's str.strip() takes for white space; String.trim() also takes the byte order mark and misses some. */
const BLANK = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

/** A drawing or coordinates that cannot be used; `message` is one sentence: what, where, and how to mend it. */
export class DocumentError extends Error {
  /**
   * @param {string} message
   * @param {'invalid'|'newer'} [code] `newer`: a later version of this pack wrote it
   */
  constructor(message, code = 'invalid') {
    super(message);
    this.name = 'DocumentError';
    this.code = code;
  }
}

/**
 * @param {string} text
 * @returns {boolean}
 */
export function isBlank(text) {
  return BLANK.test(text);
}

/**
 * Whether a value is an object with fields (no list, not null).
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parse JSON text.
 * @param {string} text
 * @param {string} what names the text in the error
 * @returns {unknown}
 * @throws {DocumentError}
 */
export function loadJson(text, what) {
  let value;
  try {
    value = JSON.parse(text.replace(/^\ufeff+/, ''));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new DocumentError(`${what} is not valid JSON (${oneLine(error.message)}).`);
    }
    throw new DocumentError(`${what} is nested too deeply to be read.`);
  }
  if (hasInfinity(value)) throw new DocumentError(`${what} holds a number that is no finite number; correct it.`);
  return value;
}

/**
 * The plain values of an object from elsewhere, nothing shared with the caller.
 * @param {unknown} value
 * @param {string} what names the object in the error
 * @returns {unknown}
 * @throws {DocumentError} anything that JSON cannot hold: cycles, NaN, big integers
 */
export function plainCopy(value, what) {
  try {
    return JSON.parse(JSON.stringify(value, (_key, item) => {
      if (typeof item === 'number' && !Number.isFinite(item)) throw new TypeError(String(item));
      return item;
    }));
  } catch {
    throw new DocumentError(`${what} holds something that JSON cannot; use finite numbers, texts, lists and objects.`);
  }
}

/**
 * Whether two plain values say the same; the order of fields does not count.
 * @param {unknown} a
 * @param {unknown} b
 * @returns {boolean}
 */
export function equal(a, b) {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  }
  const [left, right] = /** @type {Record<string, unknown>[]} */ ([a, b]);
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && equal(left[key], right[key]));
}

/**
 * Whether plain lists and objects nest deeper than `limit`; does not recurse.
 * @param {unknown} value
 * @param {number} limit
 * @returns {boolean}
 */
export function depthExceeds(value, limit) {
  let level = [value];
  for (let depth = 0; depth <= limit; depth++) {
    /** @type {unknown[]} */
    const next = [];
    for (const item of level) {
      if (typeof item === 'object' && item !== null) for (const child of Object.values(item)) next.push(child);
    }
    if (next.length === 0) return false;
    level = next;
  }
  return true;
}

/**
 * A short printable form of any JSON value for an error message.
 * @param {unknown} value
 * @returns {string}
 */
export function show(value) {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'object') {
    const kind = Array.isArray(value) ? 'a list' : 'an object';
    const size = Object.keys(value).length;
    return size ? `${kind} of ${size}` : `an empty ${kind.split(' ')[1]}`;
  }
  if (typeof value === 'string') {
    const [short, rest] = [value.slice(0, 60), value.length > 60 ? '...' : ''];
    return `'${oneLine(short)}${rest}'`;
  }
  return String(value);
}

/**
 * @param {string} text
 * @returns {string} without line breaks and control characters
 */
function oneLine(text) {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ');
}

/**
 * Whether any number of parsed JSON is too large for a double (JSON.parse gives Infinity); does not recurse.
 * @param {unknown} value
 * @returns {boolean}
 */
function hasInfinity(value) {
  const stack = [value];
  while (stack.length) {
    const item = stack.pop();
    if (typeof item === 'number') {
      if (!Number.isFinite(item)) return true;
    } else if (Array.isArray(item)) {
      for (const child of item) stack.push(child);
    } else if (typeof item === 'object' && item !== null) {
      for (const child of Object.values(item)) stack.push(child);
    }
  }
  return false;
}
