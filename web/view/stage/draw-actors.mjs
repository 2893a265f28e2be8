/** The entities at the current time: reference picture and name at the place that sampling says. */

import { samplePositions, framePositions, visibleAt } from '../../core/sampling.mjs';

/** @typedef {import('./camera.mjs').Camera} Camera */
/** @typedef {import('./palette.mjs').StagePalette} StagePalette */
/** @typedef {import('./sprites.mjs').Sprites} Sprites */
/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('../types.mjs').Entity} Entity */

/**
 * @typedef {object} ActorDrawing
 * @property {Camera} camera
 * @property {StagePalette} palette
 * @property {Sprites} sprites
 * @property {Document} document
 * @property {(string|null)[]} thumbnails of every track
 * @property {number} time frame number, fractions allowed
 * @property {number} size diameter in screen pixels
 * @property {boolean} labels
 * @property {boolean} onion
 * @property {ReadonlySet<number>} chosen the selected tracks
 * @property {boolean} portraits
 */

/** How many earlier and later pictures of itself a track shows. */
const GHOSTS = 8;
const UNSEEN = 0.28;
/** The names of a crowd cover the drawing, so of more tracks than this only the selected ones are named. */
const CROWD = 16;

/**
 * @param {CanvasRenderingContext2D} context in screen pixels
 * @param {ActorDrawing} drawing
 */
export function drawActors(context, drawing) {
  const { document, camera } = drawing;
  if (drawing.onion) for (let i = 0; i < document.tracks.length; i++) drawGhosts(context, drawing, i);
  const times = [drawing.time];
  const crowd = document.tracks.length > CROWD;
  for (let i = document.tracks.length - 1; i >= 0; i--) {
    const track = document.tracks[i];
    if (track.hidden) continue;
    const [x, y] = samplePositions(track, document, times);
    const seen = visibleAt(track, x, y, drawing.time);
    const [sx, sy] = camera.toScreen(x * document.width, y * document.height);
    if (sx < -60 || sy < -60 || sx > camera.width + 60 || sy > camera.height + 60) continue;
    context.globalAlpha = seen ? 1 : UNSEEN;
    if (drawing.portraits) drawPortrait(context, drawing, i, sx, sy);
    else drawMarker(context, drawing, track.color, sx, sy);
    if (drawing.labels && (!crowd || drawing.chosen.has(i))) {
      const label = drawing.sprites.label(track.name, track.color, drawing.palette, camera.ratio);
      const left = Math.round(sx - label.width / 2);
      const below = Math.round(sy + (drawing.portraits ? drawing.size / 2 : 9) + 4);
      context.drawImage(label.image, left, below, label.image.width / camera.ratio, label.image.height / camera.ratio);
    }
  }
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {ActorDrawing} drawing
 * @param {number} index
 * @param {number} x
 * @param {number} y
 */
function drawPortrait(context, { sprites, document, thumbnails, size, camera }, index, x, y) {
  const track = document.tracks[index];
  // A still point's own mark stands in the middle, where the letters would be.
  const name = track.kind === 'static' ? '' : track.name;
  const sprite = sprites.portrait(thumbnails[index] ?? null, name, track.color, size, camera.ratio);
  context.drawImage(sprite.image, x - sprite.width / 2, y - sprite.height / 2, sprite.width, sprite.height);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {ActorDrawing} drawing
 * @param {string} color
 * @param {number} x
 * @param {number} y
 */
function drawMarker(context, { palette }, color, x, y) {
  context.beginPath();
  context.arc(x, y, 9, 0, 7);
  context.lineWidth = 5;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.lineWidth = 2.5;
  context.strokeStyle = color;
  context.stroke();
}

/**
 * Where the track is at equal steps of time: far apart where it is fast.
 * @param {CanvasRenderingContext2D} context
 * @param {ActorDrawing} drawing
 * @param {number} index
 */
function drawGhosts(context, drawing, index) {
  const { document, camera } = drawing;
  const track = document.tracks[index];
  if (track.hidden || track.kind === 'static' || track.points.length === 1) return;
  const places = framePositions(track, document);
  const step = Math.max(1, Math.round((document.frames - 1) / GHOSTS));
  context.globalAlpha = 0.22;
  for (let frame = 0; frame < document.frames; frame += step) {
    const [x, y] = [places[2 * frame], places[2 * frame + 1]];
    if (!visibleAt(track, x, y, frame)) continue;
    const [sx, sy] = camera.toScreen(x * document.width, y * document.height);
    drawPortrait(context, drawing, index, sx, sy);
  }
  context.globalAlpha = 1;
}
