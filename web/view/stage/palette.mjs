/** Colours of the drawing surface. A canvas cannot use CSS variables, so both themes are written out here. */

/**
 * @typedef {object} StagePalette
 * @property {string} surround around the canvas
 * @property {string} canvas
 * @property {string} canvasEdge
 * @property {string} limit where points may be at most
 * @property {string} grid
 * @property {string} gridStrong
 * @property {string} halo under every path, so that it shows on any picture
 * @property {string} accent
 * @property {string} text
 * @property {string} chip behind labels
 * @property {string} point
 */

/** @type {StagePalette} */
const DARK = {
  surround: '#17181b',
  canvas: '#26282d',
  canvasEdge: '#5a5f69',
  limit: 'rgba(255,255,255,0.10)',
  grid: 'rgba(255,255,255,0.055)',
  gridStrong: 'rgba(255,255,255,0.12)',
  halo: 'rgba(0,0,0,0.55)',
  accent: '#4da3ff',
  text: '#f2f4f7',
  chip: 'rgba(16,18,22,0.82)',
  point: '#ffffff',
};

/** @type {StagePalette} */
const LIGHT = {
  surround: '#d9dce1',
  canvas: '#ffffff',
  canvasEdge: '#9aa1ac',
  limit: 'rgba(0,0,0,0.12)',
  grid: 'rgba(0,0,0,0.06)',
  gridStrong: 'rgba(0,0,0,0.13)',
  halo: 'rgba(255,255,255,0.8)',
  accent: '#0b6bd3',
  text: '#15181d',
  chip: 'rgba(255,255,255,0.9)',
  point: '#ffffff',
};

/**
 * @param {boolean} dark
 * @returns {StagePalette}
 */
export function stagePalette(dark) {
  return dark ? DARK : LIGHT;
}

/**
 * A colour of a document ("#rgb" or "#rrggbb") with an opacity.
 * @param {string} color
 * @param {number} alpha 0..1
 */
export function withAlpha(color, alpha) {
  const hex = color.length === 4 ? [...color.slice(1)].map((digit) => digit + digit).join('') : color.slice(1);
  const byte = Math.round(alpha * 255).toString(16).padStart(2, '0');
  return `#${hex}${byte}`;
}

/**
 * Whether dark text reads better than light text on this colour (relative luminance of WCAG 2).
 * @param {string} color
 */
export function needsDarkText(color) {
  const hex = color.length === 4 ? [...color.slice(1)].map((digit) => digit + digit).join('') : color.slice(1);
  const [r, g, b] = [0, 2, 4].map((at) => {
    const share = parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.22;
}
