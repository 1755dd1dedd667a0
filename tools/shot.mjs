// `./dev shot`: screenshots of what each role sees, at desktop and phone width, into var/shots.
//
// Rule: it runs its own world in a temporary folder, with a form uploaded and an alert open, so that
// the pictures show work and not empty lists.
import fs from 'node:fs';
import { join } from 'node:path';

import { openBrowser, signIn, sizes } from '../test/lib/browser.mjs';
import { formBytes, startWorld } from '../test/lib/world.mjs';
import { buildDir, root } from './lib/system.mjs';

const out = join(root, 'var', 'shots');
const roles = ['admissions', 'admin', 'doctor', 'corporate'];

async function shoot(world, login, size) {
    const browser = await openBrowser({ size: sizes[size] });
    try {
        await signIn(browser.page, world.url, world.account(login));
        await browser.page.waitForTimeout(1500); // lists and the socket have arrived
        const file = join(out, `${login}-${size}.png`);
        await browser.page.screenshot({ path: file });
        console.log(`${file}${browser.complaints.length ? `  complaints: ${browser.complaints.join('; ')}` : ''}`);
    } finally {
        await browser.close();
    }
}

fs.mkdirSync(out, { recursive: true });
const world = await startWorld({ build: buildDir() });
try {
    for (const file of ['es-table-vitals.tif', 'en-table-vaccines.jpg']) {
        const { body } = await world.as('admissions').upload(formBytes(file), { name: file });
        await world.form('admissions', body.formId);
    }
    for (const login of roles) for (const size of Object.keys(sizes)) await shoot(world, login, size);
} finally {
    await world.stop();
}
