/** Tells when an element is shown larger or smaller than before: the graph's zoom is a transform, which no observer sees. */

const PACE_MS = 250;
const NOTICEABLE = 0.02;

/**
 * @param {HTMLElement} element
 * @param {() => void} changed called once the zoom rests, so that nothing is painted anew at each of its steps
 * @returns {() => void} stops it
 */
export function watchZoom(element, changed) {
  let settled = 0;
  let last = 0;
  const timer = setInterval(() => {
    const { offsetWidth: width } = element;
    if (!width) return;
    const shown = element.getBoundingClientRect().width / width;
    const rests = Math.abs(shown - last) <= NOTICEABLE * shown;
    last = shown;
    if (!rests || Math.abs(shown - settled) <= NOTICEABLE * shown) return;
    settled = shown;
    changed();
  }, PACE_MS);
  return () => clearInterval(timer);
}
