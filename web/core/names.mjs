/**
 * Which track is whose. As in Python (`tora2/stages/binding.py`) a track belongs to an entity if both have exactly the
 * same name; several tracks may be of one entity, and hidden ones count for none.
 *
 * @typedef {import('./drawing.mjs').Track} Track
 */

/**
 * @template {{name: string}} E
 * @param {readonly Track[]} tracks
 * @param {readonly E[]} entities
 * @returns {{trackState: {entity: E|null}[], missing: E[]}} `trackState`: for every track (hidden ones too) the first
 *   entity of its name; `missing`: the entities without a track that is not hidden
 */
export function matchEntities(tracks, entities) {
  /** @type {Map<string, E>} */
  const byName = new Map();
  for (const entity of entities) if (!byName.has(entity.name)) byName.set(entity.name, entity);
  const drawn = new Set(tracks.filter((track) => !track.hidden).map((track) => track.name));
  return {
    trackState: tracks.map((track) => ({ entity: byName.get(track.name) ?? null })),
    missing: entities.filter((entity) => !drawn.has(entity.name)),
  };
}
