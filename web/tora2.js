// The pack's door in the frontend, and the only .js: ComfyUI imports every *.js of this folder into its page.
// @ts-ignore: served by ComfyUI, two folders above wherever the pack is mounted
import { api } from '../../scripts/api.js';
// @ts-ignore: likewise
import { app } from '../../scripts/app.js';

import { extension } from './host/extension.mjs';

app.registerExtension(extension({ app, api }));
