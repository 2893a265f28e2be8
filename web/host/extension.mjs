// What the pack registers with ComfyUI's frontend.

/** @import { Comfy, GraphNode } from './comfy.mjs' */

import { promotedOf } from './promoted.mjs';
import { SETTINGS } from './settings.mjs';
import { loadTexts, text } from './texts.mjs';
import { WIDGET_TYPE, drawingWidgetOf, widgetConstructor } from './widget.mjs';

const EDITOR_NODE = 'Tora2TrajectoryEditor';
const DRAWING = 'drawing'; // its input, as in nodes/trajectories.py

/** @param {Comfy} comfy */
export function extension(comfy) {
  return {
    name: 'Tora2.TrajectoryEditor',
    settings: SETTINGS,
    commands: [
      {
        id: 'Tora2.OpenTrajectoryEditor',
        label: 'Open the trajectory editor in a large window',
        icon: 'pi pi-window-maximize',
        function: () => openSelected(comfy),
      },
    ],
    // Not async: nodes are made as soon as this has returned.
    getCustomWidgets: () => ({ [WIDGET_TYPE]: widgetConstructor(comfy) }),
    /** @param {GraphNode} node */
    getNodeMenuItems(node) {
      const editors = editorsOf(node);
      return editors.map(({ title, open }) => {
        const content = text(comfy, 'host.openLarge');
        return { content: editors.length > 1 ? `${content}: ${title}` : content, callback: () => void open() };
      });
    },
    /** @param {GraphNode} node */
    nodeCreated(node) {
      if (node.comfyClass === EDITOR_NODE) node.hideOutputImages = true; // the editor itself shows the background
    },
    setup: () => loadTexts(comfy),
  };
}

/**
 * The node's own editor, or those inside whose drawing the node sets.
 * @param {GraphNode} node
 * @returns {{ title: string, open: () => Promise<void> }[]}
 */
function editorsOf(node) {
  const own = drawingWidgetOf(node);
  if (own) return [{ title: node.title, open: () => own.openLarge() }];
  return promotedOf(node, DRAWING).flatMap((promoted) => {
    const inner = drawingWidgetOf(promoted.node);
    return inner ? [{ title: promoted.node.title, open: () => inner.openLarge(promoted) }] : [];
  });
}

/** @param {Comfy} comfy */
async function openSelected(comfy) {
  const selected = Object.values(comfy.app.canvas.selected_nodes ?? {});
  const [editor] = selected.flatMap(editorsOf);
  if (editor) return editor.open();
  await loadTexts(comfy);
  comfy.app.extensionManager.toast.add({ severity: 'info', summary: 'Tora2', detail: text(comfy, 'host.noneSelected'), life: 6000 });
}
