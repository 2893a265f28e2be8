/** The editor's icons: strokes on a 16 x 16 grid, drawn in the colour of the text around them. */

const NAMESPACE = 'http://www.w3.org/2000/svg';

/**
 * Each icon is a list of path data; a leading "*" fills the shape instead of stroking it.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const ICONS = Object.freeze({
  select: ['*M3.5 2.2 12.6 8l-4.1.9-2.3 3.7z'],
  draw: ['M10.8 2.6l2.6 2.6-7.9 7.9-3.2.6.6-3.2z', 'M9.2 4.2l2.6 2.6'],
  freehand: ['M2 11c1.6-5.5 3.4-7.4 4.8-6.6 1.9 1.1-2 6.6.4 7 2 .3 2.4-4.6 4.2-4.4 1.2.1.7 2.4 2.6 2.6'],
  static: ['M8 2.2v3M8 10.8v3M2.2 8h3M10.8 8h3', '*M8 6.4a1.6 1.6 0 1 0 .01 0z'],
  pan: ['M8 2v12M2 8h12M6.3 3.7 8 2l1.7 1.7M6.3 12.3 8 14l1.7-1.7M3.7 6.3 2 8l1.7 1.7M12.3 6.3 14 8l-1.7 1.7'],
  undo: ['M5.6 3 2.6 6l3 3', 'M2.8 6h6.4a4 4 0 0 1 0 8H6'],
  redo: ['M10.4 3l3 3-3 3', 'M13.2 6H6.8a4 4 0 0 0 0 8H10'],
  delete: ['M3 4.5h10M6.3 4.3V2.6h3.4v1.7M4.4 4.6l.6 8.8h6l.6-8.8M6.8 7v4M9.2 7v4'],
  duplicate: ['M5.6 5.6h7.8v7.8H5.6z', 'M10.4 5.4V2.6H2.6v7.8h2.8'],
  copy: ['M4.5 4h7v10h-7z', 'M6.2 4V2.4h3.6V4'],
  paste: ['M4 3.6h8v10.2H4z', 'M6.2 4.8V2.2h3.6v2.6z', 'M6.2 8h3.6M6.2 10.6h3.6'],
  cut: ['M4.6 2.4l5.6 8M11.4 2.4l-5.6 8', 'M4.4 10a1.9 1.9 0 1 0 .01 0zM11.6 10a1.9 1.9 0 1 0 .01 0z'],
  snap: ['M3 2.5h3.2v5.7a1.8 1.8 0 0 0 3.6 0V2.5H13v5.7a5 5 0 0 1-10 0zM3 5.2h3.2M9.8 5.2H13'],
  grid: ['M2.5 2.5h11v11h-11zM6.2 2.5v11M9.8 2.5v11M2.5 6.2h11M2.5 9.8h11'],
  labels: ['M2.5 3.5h6.2L13.6 8l-4.9 4.5H2.5z', '*M5.2 7a1 1 0 1 0 .01 0z'],
  onion: ['M5.6 4.6a4 4 0 1 0 .01 0z', 'M9.4 4.8a4 4 0 0 1 .8 7.7', 'M11.8 5.6a4 4 0 0 1 .6 6'],
  speedTicks: ['M2 12C5 4 9 3.4 14 4', 'M3.4 8l2 1.2M6 4.8l1.2 2M9.6 3l.4 2.3'],
  fit: ['M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10', 'M5.5 6h5v4h-5z'],
  zoomIn: ['M7 2.5a4.5 4.5 0 1 0 .01 0zM10.3 10.3l3.4 3.4M7 5v4M5 7h4'],
  zoomOut: ['M7 2.5a4.5 4.5 0 1 0 .01 0zM10.3 10.3l3.4 3.4M5 7h4'],
  background: ['M2.5 3h11v10h-11z', 'M2.6 11l3.2-3.4 2.6 2.6 2-2 3 2.8', '*M10.6 4.9a1.1 1.1 0 1 0 .01 0z'],
  shapes: ['M5.4 2.6a3 3 0 1 0 .01 0z', 'M7.6 8h6v5.6h-6z', 'M10.4 2.4l2.8 3.4'],
  transfer: ['M4.6 13.4V3M2.2 5.4 4.6 3 7 5.4M11.4 2.6V13M9 10.6l2.4 2.4 2.4-2.4'],
  large: ['M9.5 2.5h4v4M13.3 2.7 9.2 6.8M6.5 13.5h-4v-4M2.7 13.3l4.1-4.1'],
  small: ['M13.5 6.5h-4v-4M9.7 6.3l4-4M2.5 9.5h4v4M6.3 9.7l-4 4'],
  panels: ['M2.5 3h11v10h-11zM9.5 3v10', 'M11 5.6h1M11 8h1M11 10.4h1'],
  help: ['M8 2a6 6 0 1 0 .01 0z', 'M6.2 6.4a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.8.6-.8 1.2', '*M8 10.4a.8.8 0 1 0 .01 0z'],
  eye: ['M1.6 8C3.4 5 5.5 3.6 8 3.6S12.6 5 14.4 8c-1.8 3-3.9 4.4-6.4 4.4S3.4 11 1.6 8z', 'M8 6a2 2 0 1 0 .01 0z'],
  eyeOff: ['M4 4.8C3.1 5.6 2.3 6.7 1.6 8 3.4 11 5.5 12.4 8 12.4c1.1 0 2.1-.3 3-.8M6.2 3.9C6.8 3.7 7.4 3.6 8 3.6c2.5 0 4.6 1.4 6.4 4.4-.5.9-1.1 1.6-1.7 2.2', 'M2.6 2.6l10.8 10.8'],
  lock: ['M3.6 7.2h8.8v6.2H3.6z', 'M5.4 7V5a2.6 2.6 0 0 1 5.2 0v2'],
  unlock: ['M3.6 7.2h8.8v6.2H3.6z', 'M5.4 7V4.6a2.6 2.6 0 0 1 5-1'],
  warning: ['M8 2.4 14.4 13.4H1.6z', 'M8 6.4v3.4', '*M8 10.9a.8.8 0 1 0 .01 0z'],
  person: ['M8 2.6a2.6 2.6 0 1 0 .01 0z', 'M2.8 13.6c.4-3 2.4-4.6 5.2-4.6s4.8 1.6 5.2 4.6'],
  add: ['M8 3v10M3 8h10'],
  more: ['*M3.4 7a1.1 1.1 0 1 0 .01 0zM8 7a1.1 1.1 0 1 0 .01 0zM12.6 7a1.1 1.1 0 1 0 .01 0z'],
  grip: ['*M6 3.2a1 1 0 1 0 .01 0zM10 3.2a1 1 0 1 0 .01 0zM6 7a1 1 0 1 0 .01 0zM10 7a1 1 0 1 0 .01 0zM6 10.8a1 1 0 1 0 .01 0zM10 10.8a1 1 0 1 0 .01 0z'],
  check: ['M3 8.6l3.2 3.2L13 4.6'],
  close: ['M3.6 3.6l8.8 8.8M12.4 3.6l-8.8 8.8'],
  down: ['M4 6.2 8 10.2l4-4'],
  play: ['*M4.6 2.6 13 8l-8.4 5.4z'],
  pause: ['*M4 3h2.8v10H4zM9.2 3H12v10H9.2z'],
  filter: ['M2.5 3h11L9.4 8.2v4.6l-2.8-1.6v-3z'],
  first: ['M3.4 3.4v9.2', '*M12.6 3.4v9.2L5.4 8z'],
  last: ['M12.6 3.4v9.2', '*M3.4 3.4v9.2L10.6 8z'],
  previous: ['*M11 3.4v9.2L4 8z'],
  next: ['*M5 3.4v9.2L12 8z'],
  loop: ['M3 8.6V7a3 3 0 0 1 3-3h6.6M10.6 2l2 2-2 2', 'M13 7.4V9a3 3 0 0 1-3 3H3.4M5.4 14l-2-2 2-2'],
  key: ['*M8 3.2 12.8 8 8 12.8 3.2 8z'],
  link: ['M6.6 9.4l2.8-2.8', 'M7.4 4.8l1.7-1.7a2.7 2.7 0 0 1 3.8 3.8l-1.7 1.7M8.6 11.2l-1.7 1.7a2.7 2.7 0 0 1-3.8-3.8l1.7-1.7'],
  mirrorX: ['M8 2v12', 'M6 5v6.6H1.8z', '*M10 5v6.6h4.2z'],
  mirrorY: ['M2 8h12', 'M5 6h6.6V1.8z', '*M5 10h6.6v4.2z'],
  alignLeft: ['M2.6 2v12', '*M4.4 4h8v2.8h-8zM4.4 9.2h5V12h-5z'],
  alignCenter: ['M8 2v12', '*M3.6 4h8.8v2.8H3.6zM5.4 9.2h5.2V12H5.4z'],
  alignRight: ['M13.4 2v12', '*M3.6 4h8v2.8h-8zM6.6 9.2h5V12h-5z'],
  alignTop: ['M2 2.6h12', '*M4 4.4h2.8v8H4zM9.2 4.4H12v5H9.2z'],
  alignMiddle: ['M2 8h12', '*M4 3.6h2.8v8.8H4zM9.2 5.4H12v5.2H9.2z'],
  alignBottom: ['M2 13.4h12', '*M4 3.6h2.8v8H4zM9.2 6.6H12v5H9.2z'],
  distributeX: ['M2.6 2.6v10.8M13.4 2.6v10.8', '*M6.4 4h3.2v8H6.4z'],
  distributeY: ['M2.6 2.6h10.8M2.6 13.4h10.8', '*M4 6.4h8v3.2H4z'],
  rotate: ['M13 8a5 5 0 1 1-1.6-3.7', 'M13.4 2v3.2h-3.2'],
  reverse: ['M3 5.4h10M10.6 3 13 5.4 10.6 7.8', 'M13 10.8H3M5.4 8.4 3 10.8l2.4 2.4'],
  closeLoop: ['M8 3a5 5 0 1 1-3.4 1.3', '*M8 1.6a1.4 1.4 0 1 0 .01 0zM4 3.8a1.4 1.4 0 1 0 .01 0z'],
  smooth: ['M2 12c4 0 3.5-8 6-8s2 8 6 8'],
  linear: ['M2 12l4.6-8 3 8L14 5'],
  upload: ['M8 10.4V2.6M5 5.4l3-2.8 3 2.8M2.6 10v3.4h10.8V10'],
  download: ['M8 2.6v7.8M5 7.6l3 2.8 3-2.8M2.6 10v3.4h10.8V10'],
  insert: ['M2 8h3M11 8h3M8 5v6M5 8h6', 'M8 3.2a4.8 4.8 0 1 0 .01 0z'],
  'easing.linear': ['M2.5 13.5l11-11'],
  'easing.ease-in': ['M2.5 13.5c7 0 10-4 11-11'],
  'easing.ease-out': ['M2.5 13.5c1-7 4-11 11-11'],
  'easing.ease-in-out': ['M2.5 13.5c6.5 0 4.5-11 11-11'],
  'easing.inherit': ['M2.5 13.5h2M6 11l1.2-1.4M9 7l1-1.4M12 3.6l1.5-1.1'],
});

/**
 * @param {string} name one of the icons; an unknown name gives an empty icon
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(NAMESPACE, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  for (const data of ICONS[name] ?? []) {
    const path = document.createElementNS(NAMESPACE, 'path');
    const filled = data.startsWith('*');
    path.setAttribute('d', filled ? data.slice(1) : data);
    if (filled) path.setAttribute('class', 'filled');
    svg.append(path);
  }
  return svg;
}

/**
 * @param {string} name
 * @returns {boolean}
 */
export function hasIcon(name) {
  return name in ICONS;
}
