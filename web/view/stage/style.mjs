/** CSS of the drawing surface and of the editor's frame, beside that of the panels. */

export const STAGE_STYLE = `
:host { height: 100%; }
.tora2 { position: relative; height: 100%; min-height: inherit; overflow: hidden; border-radius: inherit; }
.frame {
  position: absolute; inset: 0; display: grid; min-width: 0; min-height: 0; background: var(--t-bg);
  grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr) auto;
  grid-template-areas: "toolbar toolbar" "stage side" "timeline side";
}
.frame > .toolbar { grid-area: toolbar; }
.frame > .stage { grid-area: stage; }
.frame > .timeline { grid-area: timeline; height: var(--timeline, 104px); }
.frame > .side { grid-area: side; width: var(--side, 264px); border-left: 1px solid var(--t-line); overflow: hidden; }
.frame[data-narrow] { grid-template-areas: "toolbar toolbar" "stage stage" "timeline timeline"; }
.frame[data-narrow] > .side {
  grid-area: stage; justify-self: end; z-index: 3; width: min(var(--side, 264px), 88%); box-shadow: var(--t-shadow);
}
.frame[data-narrow][data-beside] { grid-template-areas: "toolbar toolbar" "stage side" "timeline timeline"; }
.frame[data-narrow][data-beside] > .side { grid-area: side; width: 240px; box-shadow: none; }
.frame[data-narrow]:not([data-drawer]) > .side { display: none; }
.frame:not([data-narrow])[data-noside] > .side { display: none; }
.stage { position: relative; min-width: 0; min-height: 0; overflow: hidden; contain: strict; touch-action: none; cursor: default; outline-offset: -2px; }
.tora2 .stage:focus-visible { outline: 2px solid var(--t-accent); outline-offset: -2px; }
.layer { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; display: block; }
.readout, .zoomed {
  position: absolute; bottom: 6px; padding: 2px 8px; border-radius: 9px; pointer-events: none; font-size: 11px; line-height: 16px;
  color: var(--t-fg); background: color-mix(in srgb, var(--t-bg) 86%, transparent); font-variant-numeric: tabular-nums;
  white-space: pre; overflow: hidden; text-overflow: ellipsis;
}
.readout { left: 6px; max-width: calc(100% - 76px); unicode-bidi: plaintext; }
.zoomed { right: 6px; }
.readout:empty, .zoomed:empty { display: none; }
.stage-hint {
  position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 4px;
  padding: 16px; text-align: center; pointer-events: none; text-shadow: 0 0 6px var(--t-bg), 0 0 2px var(--t-bg);
}
.stage-hint p { margin: 0; max-width: 38ch; font-size: 13px; font-weight: 600; }
.stage-hint .soft { font-size: 12px; font-weight: 400; color: var(--t-soft); }
.stage[data-small] .stage-hint .soft { display: none; }
.tora2[data-drop] .frame::after {
  content: attr(data-drop-text); position: absolute; inset: 0; z-index: 4; display: grid; place-items: center; font-size: 14px; font-weight: 600;
  background: color-mix(in srgb, var(--t-bg) 72%, transparent); border: 2px dashed var(--t-accent); pointer-events: none;
}
.away { position: absolute; inset: 0; display: grid; place-content: center; gap: 8px; justify-items: center; text-align: center; padding: 16px; color: var(--t-soft); }
.notice {
  position: absolute; z-index: 5; inset: 0; display: grid; place-content: center; justify-items: center; gap: 12px; padding: 20px; text-align: center;
  background: color-mix(in srgb, var(--t-bg) 93%, transparent);
}
.notice p { margin: 0; max-width: 52ch; overflow-wrap: anywhere; user-select: text; -webkit-user-select: text; }
.notice .buttons { display: flex; gap: 8px; flex-wrap: wrap; justify-content: center; }
dialog.window {
  width: min(1720px, calc(100vw - 40px)); height: calc(100vh - 40px); max-width: none; max-height: none; padding: 0; overflow: hidden;
  border: 1px solid var(--t-edge); border-radius: 10px; background: var(--t-bg); color: var(--t-fg); box-shadow: var(--t-shadow); font: inherit;
}
dialog.window::backdrop { background: rgb(0 0 0 / 60%); }
.background-sheet input[type="range"] { flex: 1; accent-color: var(--t-accent); }
.background-sheet .info { margin: 0; color: var(--t-soft); overflow-wrap: anywhere; }
.background-sheet .actions { justify-content: flex-start; }
@media (max-width: 700px) { dialog.window { width: 100vw; height: 100vh; border: 0; border-radius: 0; } }
`;
