// Hooks that live as functions on ComfyUI's objects: join in, and leave again without a trace for those who came later.

/**
 * Calls `fn` after whatever `owner[key]` does now.
 * @template {object} T
 * @param {T} owner
 * @param {keyof T} key
 * @param {(...values: any[]) => void} fn
 * @returns {() => void} leaves the chain
 */
export function join(owner, key, fn) {
  const before = /** @type {unknown} */ (owner[key]);
  /** @type {typeof fn | null} */
  let listening = fn;
  /** @this {unknown} @param {unknown[]} values */
  function chained(...values) {
    const result = typeof before === 'function' ? before.apply(this, values) : undefined;
    listening?.(...values);
    return result;
  }
  owner[key] = /** @type {T[keyof T]} */ (/** @type {unknown} */ (chained));
  return () => {
    listening = null; // somebody may have chained behind us: then the link stays, does nothing and holds nobody
    if (/** @type {unknown} */ (owner[key]) === chained) owner[key] = /** @type {T[keyof T]} */ (before);
  };
}
