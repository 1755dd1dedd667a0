// `./dev stop`: ends the demo that was started from this folder, and nothing else.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { sleep } from './lib/process.mjs';
import { running } from './lib/running.mjs';
import { root } from './lib/system.mjs';

const { values } = parseArgs({ options: { home: { type: 'string', default: join(root, 'var') } } });
const file = resolve(values.home, 'demo.json');
const demo = running(file);
if (!demo) {
    console.log('no demo is running from this folder');
    process.exit(0);
}
process.kill(demo.pid, 'SIGTERM');
for (let i = 0; i < 400 && running(file); i++) await sleep(100);
if (running(file)) process.kill(demo.pid, 'SIGKILL'); // its parts get SIGTERM from the kernel then
console.log('stopped');
