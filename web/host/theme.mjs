// Dark or light, as the user's palette really looks.

/**
 * @param {Element} element one whose background is the palette's
 * @returns {boolean} true as well if nothing can be known, ComfyUI being dark at first
 */
export function isDark(element) {
  const channels = getComputedStyle(element).backgroundColor.match(/[\d.]+/g)?.map(Number);
  if (!channels || channels.length < 3 || channels[3] === 0) return true;
  const [red, green, blue] = channels;
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

/**
 * Palettes are classes and variables on the page's two outermost elements.
 * @param {() => void} changed
 * @returns {() => void}
 */
export function watchTheme(changed) {
  const observer = new MutationObserver(changed);
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true, attributeFilter: ['class', 'style'] });
  }
  return () => observer.disconnect();
}
