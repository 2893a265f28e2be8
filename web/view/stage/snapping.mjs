/** Where a point goes that snaps: lines of the canvas and other points close by first, then the grid. */

/** @typedef {import('../types.mjs').Document} Document */

/** A line or point attracts from this many screen pixels. */
const REACH = 6;
/** With more points than this only the canvas and the grid attract. */
const MANY = 3000;

/**
 * @param {Document} document
 * @param {number} x canvas pixels
 * @param {number} y
 * @param {{zoom: number, grid: number, except: ReadonlySet<number>}} options `grid` in canvas pixels
 * @returns {{place: [number, number], lines: {x: number|null, y: number|null}}} `lines` that attracted, in canvas pixels
 */
export function snapped(document, x, y, { zoom, grid, except }) {
  const { width, height } = document;
  const reach = REACH / zoom;
  const alongX = nearest(x, reach, [0, width / 2, width], document, (point) => point.x * width, except);
  const alongY = nearest(y, reach, [0, height / 2, height], document, (point) => point.y * height, except);
  const cell = grid > 0 ? grid : 1;
  return {
    place: [alongX ?? Math.round(x / cell) * cell, alongY ?? Math.round(y / cell) * cell],
    lines: { x: alongX, y: alongY },
  };
}

/**
 * @param {number} value
 * @param {number} reach
 * @param {number[]} lines
 * @param {Document} document
 * @param {(point: import('../types.mjs').Point) => number} along
 * @param {ReadonlySet<number>} except tracks that do not attract
 * @returns {number|null}
 */
function nearest(value, reach, lines, document, along, except) {
  let best = null;
  let distance = reach;
  for (const line of lines) {
    const away = Math.abs(line - value);
    if (away <= distance) [best, distance] = [line, away];
  }
  let looked = 0;
  for (let index = 0; index < document.tracks.length && looked < MANY; index++) {
    const track = document.tracks[index];
    if (track.hidden || except.has(index)) continue;
    looked += track.points.length;
    for (const point of track.points) {
      const line = along(point);
      const away = Math.abs(line - value);
      if (away < distance) [best, distance] = [line, away];
    }
  }
  return best;
}
