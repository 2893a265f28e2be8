// A place in the page for an editor that no node shows: its large window needs one.

/**
 * @param {HTMLElement} element that is nowhere in the page, or in a part of it that is not shown
 * @param {Element} neighbour one that is shown, and stays
 * @returns {() => void} puts it back to where it was
 */
export function aside(element, neighbour) {
  const { parentNode: home, nextSibling: next } = element;
  const place = document.createElement('div');
  Object.assign(place.style, { position: 'fixed', left: '0', top: '0', width: '0', height: '0', overflow: 'hidden' });
  place.append(element);
  neighbour.after(place);
  return () => {
    place.remove();
    if (element.parentNode !== place) return; // ComfyUI has put it somewhere meanwhile
    if (home?.isConnected) home.insertBefore(element, next?.parentNode === home ? next : null);
    else element.remove();
  };
}
