/**
 * For `test_agreement.py`: reads JSON lists of document texts from standard input and writes, for each, what the editor
 * makes of it: `{text, edited, samples}` or `{refused}`.
 */

import { readFileSync } from 'node:fs';

import { parseDocument, serialize } from '../../web/core/document.mjs';
import { addTrack, closeLoop, insertPointOnSegment, movePoints, reverse } from '../../web/core/edits.mjs';
import { PRESETS, preset } from '../../web/core/presets.mjs';
import { sampleDocument } from '../../web/core/sampling.mjs';
import { insertPause, keyAt } from '../../web/core/timing.mjs';
import { rotate } from '../../web/core/transform.mjs';

/** @param {string} text @param {number} index */
function answer(text, index) {
  let document;
  try {
    document = parseDocument(text);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'DocumentError') throw error;
    return { refused: error.message };
  }
  const edits = [
    movePoints(document, [[0, 0], [0, 1]], 0.03, -0.01), reverse(document, 0), closeLoop(document, 0),
    keyAt(document, 0, 7.25), insertPause(document, 0, 1, 3), insertPointOnSegment(document, 0, 50),
    rotate(document, [[0, 0], [0, 1], [0, 2]], 1), addTrack(document, preset(PRESETS[index % PRESETS.length], { canvas: document })),
  ];
  return {
    text: serialize(document),
    edited: edits.map(serialize),
    samples: [document, ...edits].map((one) => sampleDocument(one).tracks.map(({ points, visible }) =>
      ({ points: [...points], visible: [...visible].map(Boolean) }))),
  };
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(answer)));
