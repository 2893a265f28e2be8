// What the pack registers with ComfyUI's frontend.

/** @import { Comfy, GraphNode } from './comfy.mjs' */

import { SETTINGS } from './settings.mjs';
import { loadTexts, text } from './texts.mjs';
import { WIDGET_TYPE, drawingWidgetOf, widgetConstructor } from './widget.mjs';

const EDITOR_NODE = 'Tora2TrajectoryEditor';

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
      const drawing = drawingWidgetOf(node);
      if (!drawing) return [];
      return [{ content: text(comfy, 'host.openLarge'), callback: () => void drawing.openLarge() }];
    },
    /** @param {GraphNode} node */
    nodeCreated(node) {
      if (node.comfyClass === EDITOR_NODE) node.hideOutputImages = true; // the editor itself shows the background
    },
    setup: () => loadTexts(comfy),
  };
}

/** @param {Comfy} comfy */
async function openSelected(comfy) {
  const selected = Object.values(comfy.app.canvas.selected_nodes ?? {});
  const drawing = selected.map(drawingWidgetOf).find((found) => found);
  if (drawing) return drawing.openLarge();
  await loadTexts(comfy);
  comfy.app.extensionManager.toast.add({ severity: 'info', summary: 'Tora2', detail: text(comfy, 'host.noneSelected'), life: 6000 });
}
