/**
 * All CSS of the editor. It lives in the shadow root, so nothing leaks; colours come from ComfyUI's theme, and what ComfyUI
 * does not promise (contrast) is mixed from its foreground and background here.
 */

const TOKENS = `
:host { display: block; contain: layout style; }
.tora2 {
  --t-bg: var(--comfy-menu-bg, #171718);
  --t-fg: var(--fg-color, #fff);
  --t-soft: color-mix(in srgb, var(--t-fg) 74%, var(--t-bg));
  --t-panel: color-mix(in srgb, var(--t-fg) 4%, var(--t-bg));
  --t-field: color-mix(in srgb, var(--t-fg) 9%, var(--t-bg));
  --t-hover: color-mix(in srgb, var(--t-fg) 14%, var(--t-bg));
  --t-line: color-mix(in srgb, var(--t-fg) 16%, var(--t-bg));
  --t-edge: color-mix(in srgb, var(--t-fg) 42%, var(--t-bg));
  --t-accent: #56aeff;
  --t-on-accent: #06131f;
  --t-chosen: color-mix(in srgb, var(--t-accent) 24%, var(--t-bg));
  --t-warn: #ffb95e;
  --t-error: #ff8f87;
  --t-size: 26px;
  --t-shadow: 0 6px 24px rgb(0 0 0 / 45%);
  color-scheme: dark;
  box-sizing: border-box;
  color: var(--t-fg);
  background: var(--t-bg);
  font: 12px/1.35 Inter, system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  text-align: start;
  -webkit-user-select: none;
  user-select: none;
}
.tora2[data-theme="light"] {
  --t-bg: var(--comfy-menu-bg, #fff);
  --t-fg: var(--fg-color, #222);
  --t-edge: color-mix(in srgb, var(--t-fg) 56%, var(--t-bg));
  --t-accent: #0a5fb0;
  --t-on-accent: #fff;
  --t-chosen: color-mix(in srgb, var(--t-accent) 14%, var(--t-bg));
  --t-warn: #8a4a00;
  --t-error: #b3261e;
  --t-shadow: 0 6px 24px rgb(0 0 0 / 22%);
  color-scheme: light;
}
.tora2 *, .tora2 *::before, .tora2 *::after { box-sizing: border-box; }
.tora2 [hidden] { display: none !important; }
.tora2 :focus { outline: none; }
.tora2 :focus-visible { outline: 2px solid var(--t-accent); outline-offset: -1px; }
.tora2 .hidden-text { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (pointer: coarse) { .tora2 { --t-size: 34px; } }
`;

const CONTROLS = `
.icon { width: 16px; height: 16px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.3; stroke-linecap: round; stroke-linejoin: round; }
.icon .filled { fill: currentColor; stroke: none; }
.button, .select, .number, .field {
  height: var(--t-size); min-width: 0; margin: 0; color: inherit; font: inherit; border-radius: 5px; border: 1px solid transparent;
}
.button {
  display: inline-flex; align-items: center; justify-content: center; gap: 6px; padding: 0 9px; background: var(--t-field);
  cursor: pointer; white-space: nowrap; flex: none;
}
.button > span { overflow: hidden; text-overflow: ellipsis; }
.button.square { width: var(--t-size); padding: 0; background: none; color: var(--t-soft); }
.button:hover:not(:disabled) { background: var(--t-hover); color: var(--t-fg); }
.button:active:not(:disabled) { background: var(--t-line); }
.button[aria-pressed="true"] { background: var(--t-chosen); color: var(--t-fg); box-shadow: inset 0 0 0 1px var(--t-accent); }
.button[aria-expanded="true"] { background: var(--t-hover); color: var(--t-fg); }
.button.primary { background: var(--t-accent); color: var(--t-on-accent); font-weight: 600; }
.button.primary:hover:not(:disabled) { background: color-mix(in srgb, var(--t-accent) 86%, var(--t-fg)); color: var(--t-on-accent); }
.button:disabled, .select:disabled { opacity: .4; cursor: default; }
.select { padding: 0 4px; background: var(--t-field); border-color: var(--t-edge); cursor: pointer; flex: 1; }
.select option { background: var(--t-bg); color: var(--t-fg); }
.number { display: inline-flex; align-items: center; background: var(--t-field); border-color: var(--t-edge); flex: 1 1 0; overflow: hidden; container-type: inline-size; }
.number:focus-within { border-color: var(--t-accent); box-shadow: 0 0 0 1px var(--t-accent); }
.number input { flex: 1; width: 100%; min-width: 0; height: 100%; padding: 0 2px 0 6px; border: 0; background: none; color: inherit; font: inherit; font-variant-numeric: tabular-nums; user-select: text; -webkit-user-select: text; }
.tora2 .number input:focus-visible { outline: none; }
.number input::placeholder { color: var(--t-soft); opacity: 1; font-style: italic; }
.number input:disabled { opacity: .5; }
.number .grip { flex: none; padding: 0 0 0 7px; color: var(--t-soft); cursor: ew-resize; touch-action: none; line-height: var(--t-size); }
.number .grip:hover { color: var(--t-accent); }
.number .unit { flex: none; padding-right: 5px; color: var(--t-soft); }
@container (max-width: 88px) { .number .unit { display: none; } }
.field { width: 100%; padding: 0 7px; background: var(--t-field); border-color: var(--t-edge); user-select: text; -webkit-user-select: text; }
.toggle { display: inline-flex; align-items: center; gap: 6px; min-height: var(--t-size); cursor: pointer; }
.toggle input { accent-color: var(--t-accent); margin: 0; width: 14px; height: 14px; }
.swatch { width: 16px; height: 16px; padding: 0; flex: none; border-radius: 4px; background: var(--color, #888); border: 1px solid color-mix(in srgb, var(--t-fg) 55%, transparent); cursor: pointer; }
.swatch[aria-pressed="true"] { box-shadow: 0 0 0 2px var(--t-bg), 0 0 0 4px var(--t-accent); }
kbd { font: inherit; font-size: 11px; color: var(--t-soft); }
.popover {
  position: fixed; inset: auto; margin: 0; padding: 4px; max-width: min(420px, 94vw); max-height: 90vh; overflow: auto; color: var(--t-fg);
  background: var(--t-bg); border: 1px solid var(--t-edge); border-radius: 8px; box-shadow: var(--t-shadow); font: inherit;
}
.menu-items { display: flex; flex-direction: column; min-width: 150px; }
.menu-items hr { border: 0; border-top: 1px solid var(--t-line); margin: 4px 2px; width: auto; }
.menu-item { display: flex; align-items: center; gap: 8px; min-height: var(--t-size); padding: 2px 8px; border: 0; border-radius: 5px; background: none; color: inherit; font: inherit; text-align: start; cursor: pointer; }
.menu-item span { flex: 1; }
.menu-item:focus { background: var(--t-chosen); outline: none; }
.menu-item:disabled { opacity: .4; cursor: default; }
.palette { padding: 6px; }
.palette .cells { display: grid; grid-template-columns: repeat(8, 22px); gap: 6px; }
.palette .cells .swatch { width: 22px; height: 22px; }
.palette .custom { display: flex; align-items: center; gap: 8px; margin-top: 8px; cursor: pointer; }
.palette .custom input { width: 34px; height: 24px; padding: 0; border: 0; background: none; }
`;

const LAYOUT = `
.toolbar { display: flex; align-items: center; gap: 2px; padding: 4px 6px; min-width: 0; border-bottom: 1px solid var(--t-line); background: var(--t-bg); overflow: hidden; }
.toolbar .group { display: flex; align-items: center; gap: 1px; flex: none; }
.toolbar .group + .group::before { content: ""; width: 1px; height: 16px; margin: 0 5px; background: var(--t-line); }
.toolbar .spring { flex: 1; }
.side { display: flex; flex-direction: column; min-height: 0; background: var(--t-bg); }
.panel { display: flex; flex-direction: column; min-height: 0; min-width: 0; }
.panel-head { display: flex; align-items: center; gap: 4px; min-height: 30px; padding: 2px 4px 2px 10px; flex: none; }
.panel-head h2 { margin: 0; font-size: 12px; font-weight: 600; flex: none; }
.panel-head .note { color: var(--t-soft); flex: 1; font-variant-numeric: tabular-nums; padding-left: 4px; white-space: nowrap; overflow: hidden; }
`;

const TRACKS = `
.tracks { flex: 1 0 42%; min-height: 118px; }
.tracks .list { flex: 1; min-height: 0; overflow: hidden auto; overscroll-behavior: contain; padding: 0 4px 4px; position: relative; scrollbar-width: thin; }
.tracks .empty { color: var(--t-soft); padding: 6px 8px 10px; margin: 0; }
.track { position: relative; display: flex; align-items: center; gap: 4px; height: 38px; padding: 0 2px 0 0; border-radius: 6px; contain: layout style; }
.track:hover { background: var(--t-field); }
.track[data-selected] { background: var(--t-chosen); }
.track[data-active] { box-shadow: inset 3px 0 0 var(--t-accent); }
.track[data-hidden] .name, .track[data-hidden] .picture, .track[data-hidden] .swatch { opacity: .55; }
.track .grip { flex: none; width: 14px; height: 30px; padding: 0; margin-right: -3px; color: var(--t-soft); cursor: grab; touch-action: none; display: grid; place-items: center; opacity: 0; }
.track .grip .icon { width: 12px; }
.track:hover .grip, .track:focus-within .grip { opacity: 1; }
.track .picture { width: 26px; height: 26px; flex: none; border-radius: 4px; object-fit: cover; background: var(--t-field); display: grid; place-items: center; color: var(--t-soft); }
.track .body { flex: 1; min-width: 0; height: 100%; display: flex; flex-direction: column; justify-content: center; padding: 0 4px; border-radius: 5px; cursor: default; }
.track .name { overflow: hidden; white-space: nowrap; text-overflow: ellipsis; font-weight: 500; unicode-bidi: plaintext; }
.track .about { display: flex; align-items: center; gap: 3px; overflow: hidden; white-space: nowrap; color: var(--t-soft); font-size: 11px; }
.track .about .icon { width: 12px; height: 12px; }
.track[data-unused] .about, .track.missing .about { color: var(--t-warn); font-weight: 600; }
.track[data-unused]::before, .track.missing::before { content: ""; position: absolute; inset: 6px auto 6px 0; width: 3px; border-radius: 2px; background: var(--t-warn); }
.track[data-unused][data-active]::before { inset: 6px auto 6px 4px; }
.track .button.square { width: calc(var(--t-size) - 4px); height: calc(var(--t-size) - 2px); }
.track .when { opacity: 0; }
.track:hover .when, .track:focus-within .when, .track .when[aria-pressed="true"], .track[data-active] .when, .track .when[aria-expanded="true"] { opacity: 1; }
.track .button[aria-pressed="true"] { background: none; box-shadow: none; }
@media (hover: none) { .track .when, .track .grip { opacity: 1; } }
.track.missing { border: 1px dashed color-mix(in srgb, var(--t-warn) 70%, var(--t-bg)); margin-top: 3px; padding-left: 10px; }
.track.missing::before { display: none; }
.track .rename { height: 26px; }
.tracks .drop { position: absolute; left: 8px; right: 8px; height: 2px; border-radius: 1px; background: var(--t-accent); pointer-events: none; }
.track[data-dragged] { opacity: .5; }
.names { display: flex; flex-direction: column; min-width: 190px; max-height: 260px; overflow: auto; }
.names .caption { padding: 4px 8px; color: var(--t-soft); font-size: 11px; }
.names .choice { display: flex; align-items: center; gap: 8px; padding: 3px 8px; min-height: 34px; border-radius: 5px; cursor: pointer; }
.names .choice[aria-selected="true"], .names .choice:hover { background: var(--t-chosen); }
.names .choice img, .names .choice .picture { width: 28px; height: 28px; border-radius: 4px; object-fit: cover; background: var(--t-field); display: grid; place-items: center; flex: none; }
.names .choice .phrase { color: var(--t-soft); font-size: 11px; }
.names .choice div { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: plaintext; }
`;

const INSPECTOR = `
.inspector { flex: 0 1 auto; min-height: 0; max-height: 64%; overflow: hidden auto; border-top: 1px solid var(--t-line); overscroll-behavior: contain; scrollbar-width: thin; }
.section { padding: 0 10px 8px; }
.section + .section { border-top: 1px solid var(--t-line); }
.section > h3 { display: flex; align-items: center; gap: 6px; margin: 0; min-height: 30px; font-size: 12px; font-weight: 600; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.section .info { color: var(--t-soft); margin: 2px 0 6px; font-variant-numeric: tabular-nums; }
.row { display: flex; align-items: center; gap: 6px; margin-bottom: 5px; min-height: var(--t-size); }
.row > .caption { flex: 0 0 72px; color: var(--t-soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.row > .pair { flex: 1; display: flex; gap: 6px; min-width: 0; }
.row .button.square, .buttons .button.square { background: var(--t-field); }
.section .buttons { display: flex; justify-content: space-between; gap: 3px; margin-bottom: 5px; }
`;

const TIMELINE = `
.timeline { container-type: inline-size; display: flex; flex-direction: column; min-width: 0; border-top: 1px solid var(--t-line); background: var(--t-bg); }
.transport { display: flex; align-items: center; gap: 2px; padding: 3px 6px; min-width: 0; flex: none; overflow: hidden; }
.transport .number { flex: 0 0 58px; height: 24px; }
.transport .total { color: var(--t-soft); font-variant-numeric: tabular-nums; padding: 0 6px 0 3px; white-space: nowrap; }
.transport .select { flex: 0 0 auto; height: 24px; }
@container (max-width: 560px) { .transport .rare { display: none; } }
@container (max-width: 460px) { .transport .optional { display: none; } }
@media (pointer: coarse) {
  @container (max-width: 640px) { .transport .rare { display: none; } }
  @container (max-width: 540px) { .transport .optional { display: none; } }
}
.transport .spring { flex: 1; }
.time { position: relative; flex: 1; min-height: 0; display: flex; flex-direction: column; border-top: 1px solid var(--t-line); }
.time canvas { display: block; touch-action: none; }
.time .ruler { flex: none; height: 24px; position: relative; cursor: ew-resize; touch-action: none; border-bottom: 1px solid var(--t-line); }
.time .lanes { position: relative; flex: 1; min-height: 22px; overflow: hidden auto; overscroll-behavior: contain; scrollbar-width: thin; }
.time .lanes canvas { position: sticky; top: 0; left: 0; }
.time .head-clip { position: absolute; inset: 0 auto 0 0; overflow: hidden; pointer-events: none; }
.time .head { position: absolute; inset: 0 auto 0 0; width: 0; pointer-events: none; will-change: transform; }
.time .head::before { content: ""; position: absolute; top: 0; bottom: 0; left: -.5px; width: 1px; background: var(--t-accent); }
.time .head::after { content: ""; position: absolute; top: 3px; left: -5px; border: 5px solid transparent; border-top: 8px solid var(--t-accent); }
.time .ruler:focus-visible, .time .lanes:focus-visible { outline-offset: -2px; }
`;

const DIALOGS = `
.sheet { display: flex; flex-direction: column; gap: 8px; padding: 8px; width: 340px; max-width: 88vw; }
.sheet h2 { margin: 0; font-size: 13px; font-weight: 600; }
.sheet .shapes { display: grid; grid-template-columns: repeat(auto-fill, minmax(58px, 1fr)); gap: 4px; }
.sheet .shape { display: flex; flex-direction: column; align-items: center; gap: 2px; padding: 5px 2px 4px; border: 1px solid var(--t-line); border-radius: 6px; background: none; color: inherit; font: inherit; font-size: 11px; cursor: pointer; }
.sheet .shape:hover { background: var(--t-hover); }
.sheet .shape[aria-checked="true"] { background: var(--t-chosen); border-color: var(--t-accent); }
.sheet svg.drawing { display: block; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; overflow: visible; }
.sheet .shape svg.drawing { width: 34px; height: 26px; color: var(--t-soft); }
.sheet .preview { border: 1px solid var(--t-line); border-radius: 6px; background: var(--t-panel); color: var(--t-accent); padding: 6px; }
.sheet .preview svg { width: 100%; height: 120px; }
.sheet .preview .dot { fill: var(--t-fg); stroke: none; }
.sheet .preview .frame { stroke: var(--t-edge); stroke-width: 1; stroke-dasharray: 3 3; }
.sheet .numbers { display: grid; grid-template-columns: 1fr 1fr; gap: 6px; }
.sheet .number .grip { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 62%; }
.sheet .actions { display: flex; gap: 6px; flex-wrap: wrap; justify-content: flex-end; }
dialog.transfer { width: min(640px, 92vw); padding: 0; border: 1px solid var(--t-edge); border-radius: 10px; color: var(--t-fg); background: var(--t-bg); box-shadow: var(--t-shadow); font: inherit; }
dialog::backdrop { background: rgb(0 0 0 / 45%); }
.transfer .inner { display: flex; flex-direction: column; gap: 8px; padding: 10px 12px 12px; }
.transfer header { display: flex; align-items: center; }
.transfer header h2 { flex: 1; margin: 0; font-size: 14px; font-weight: 600; }
.tabs { display: flex; gap: 2px; border-bottom: 1px solid var(--t-line); }
.tabs [role="tab"] { padding: 6px 12px; border: 0; border-bottom: 2px solid transparent; background: none; color: var(--t-soft); font: inherit; cursor: pointer; }
.tabs [aria-selected="true"] { color: var(--t-fg); border-bottom-color: var(--t-accent); font-weight: 600; }
.transfer textarea { width: 100%; height: 200px; resize: vertical; padding: 8px; border: 1px solid var(--t-edge); border-radius: 6px; background: var(--t-field); color: inherit; font: 12px/1.4 ui-monospace, Menlo, Consolas, monospace; user-select: text; -webkit-user-select: text; }
.transfer textarea::placeholder { color: var(--t-soft); opacity: 1; }
.transfer .status { min-height: 17px; margin: 0; color: var(--t-soft); overflow-wrap: anywhere; }
.transfer .status[data-level="error"] { color: var(--t-error); }
.transfer .actions { display: flex; gap: 6px; flex-wrap: wrap; }
.transfer .actions .spring { flex: 1; }
.transfer[data-over] textarea { border-color: var(--t-accent); box-shadow: 0 0 0 1px var(--t-accent); }
@media (prefers-reduced-motion: no-preference) { .button, .menu-item, .track { transition: background-color .08s; } }
@media (forced-colors: active) { .track[data-selected], .button[aria-pressed="true"] { outline: 2px solid Highlight; outline-offset: -2px; } }
`;

/** The text of the editor's style sheet. */
export const STYLE = [TOKENS, CONTROLS, LAYOUT, TRACKS, INSPECTOR, TIMELINE, DIALOGS].join('');
