// `./dev shot [ROLE...]`: every screen of every role into var/shots, at desktop and phone width, light
// and dark, in Spanish and English; then one sheet a screen that shows the eight side by side.
//
// Rule: it runs its own world in a temporary folder, with forms uploaded and an alert open, so that
// the pictures show work and not empty lists.
import fs from 'node:fs';
import { join } from 'node:path';

import { openBrowser, signIn, sizes } from '../test/lib/browser.mjs';
import { formBytes, startWorld } from '../test/lib/world.mjs';
import { buildDir, root } from './lib/system.mjs';

const out = join(root, 'var', 'shots');
const ROLES = ['admissions', 'admin', 'doctor', 'corporate'];
const FORMS = ['es-table-vitals.tif', 'en-table-vaccines.jpg', 'en-below-unwell.png'];
const LOOKS = Object.keys(sizes).flatMap((size) =>
    ['light', 'dark'].flatMap((colorScheme) => ['es-CO', 'en-US'].map((locale) => ({ size, colorScheme, locale }))),
);
const wanted = process.argv.length > 2 ? process.argv.slice(2) : ROLES;
const unknown = wanted.filter((role) => !ROLES.includes(role));
if (unknown.length) {
    console.error(`shot: no role ${unknown.join(', ')}; there are: ${ROLES.join(', ')}`);
    process.exit(2);
}

const nameOf = (look) => `${look.size}-${look.colorScheme}-${look.locale.slice(0, 2)}`;

// The addresses a role is offered, and one form where it may open forms.
async function screensOf(page, formId) {
    const offered = await page.locator('header nav a').evaluateAll((links) => links.map((a) => a.getAttribute('href')));
    const screens = offered.length ? offered : ['/'];
    return screens.includes('/forms') ? [...screens, `/forms/${formId}`] : screens;
}

async function shoot(world, role, look, formId) {
    const { size, ...options } = look;
    const browser = await openBrowser({ size: sizes[size], ...options });
    const taken = [];
    try {
        await signIn(browser.page, world.url, world.account(role));
        await browser.page.locator('header.top').waitFor();
        for (const path of await screensOf(browser.page, formId)) {
            await browser.page.goto(world.url + path);
            await browser.page.waitForTimeout(1500); // lists and the socket have arrived
            const screen = `${role}${path.replace(formId, 'form').replaceAll('/', '-').replace(/-$/, '')}`;
            await browser.page.screenshot({ path: join(out, `${screen}-${nameOf(look)}.png`) });
            taken.push(screen);
        }
        if (browser.complaints.length) console.log(`${role} ${nameOf(look)} complaints: ${browser.complaints.join('; ')}`);
    } finally {
        await browser.close();
    }
    return taken;
}

// One picture of a screen's eight looks, phones beside desktops.
async function sheet(page, screen) {
    const picture = (look) => {
        const bytes = fs.readFileSync(join(out, `${screen}-${nameOf(look)}.png`)).toString('base64');
        const width = look.size === 'phone' ? 300 : 800;
        return `<figure><img width="${width}" src="data:image/png;base64,${bytes}"><figcaption>${nameOf(look)}</figcaption></figure>`;
    };
    await page.setContent(
        `<style>body{display:flex;flex-wrap:wrap;gap:8px;margin:8px;font:14px sans-serif;background:#888}figure{margin:0}</style>
        ${LOOKS.map(picture).join('')}`,
    );
    await page.screenshot({ path: join(out, `sheet-${screen}.png`), fullPage: true });
    console.log(join(out, `sheet-${screen}.png`));
}

fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out, { recursive: true });
const world = await startWorld({ build: buildDir() });
try {
    const ids = [];
    for (const file of FORMS) {
        const { body } = await world.as('admissions').upload(formBytes(file), { name: file });
        await world.form('admissions', body.formId);
        ids.push(body.formId);
    }
    const screens = new Set();
    for (const role of wanted)
        for (const look of LOOKS) for (const screen of await shoot(world, role, look, ids.at(-1))) screens.add(screen);
    const browser = await openBrowser({ size: { width: 1640, height: 900 } });
    for (const screen of screens) await sheet(browser.page, screen);
    await browser.close();
} finally {
    await world.stop();
}
