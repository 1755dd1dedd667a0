// `./dev shot [ROLE...]`: every screen of every role into var/shots, at desktop and phone width, light
// and dark, in Spanish and English; then one sheet a screen that shows the eight side by side.
//
// Rule: it runs its own world in a temporary folder, with forms uploaded, a page withheld and an alert
// open, so that the pictures show work and not empty lists.
import fs from 'node:fs';
import { join } from 'node:path';

import { pdfPage } from '../test/lib/bad_files.mjs';
import { openBrowser, signIn, sizes } from '../test/lib/browser.mjs';
import { cardNumber } from '../test/lib/canary.mjs';
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

// A form with more card numbers than can be blacked out: its page is withheld.
const tooManyCards = () => pdfPage([[60, 40, 12, 'Full Name: Nora Samplewood'], ...Array.from({ length: 130 }, (_, i) =>
    [i % 2 ? 330 : 60, 60 + 11 * Math.floor(i / 2), 9, cardNumber(i).match(/.{4}/g).join(' ')])]);

// The addresses a role is offered, and forms where it may open them; `forms`: id by name.
async function screensOf(page, forms) {
    const offered = await page.locator('header nav a').evaluateAll((links) => links.map((a) => [a.getAttribute('href'), a.getAttribute('href')]));
    const screens = offered.length ? offered : [['/', '/']];
    return screens.some(([path]) => path === '/forms') ? [...screens, ...Object.entries(forms).map(([name, id]) => [`/forms/${id}`, `/forms/${name}`])] : screens;
}

async function shoot(world, role, look, forms) {
    const { size, ...options } = look;
    const browser = await openBrowser({ size: sizes[size], ...options });
    const taken = [];
    try {
        await signIn(browser.page, world.url, world.account(role));
        await browser.page.locator('header.top').waitFor();
        for (const [path, name] of await screensOf(browser.page, forms)) {
            await browser.page.goto(world.url + path);
            await browser.page.waitForTimeout(1500); // lists and the socket have arrived
            const screen = `${role}${name.replaceAll('/', '-').replace(/-$/, '')}`;
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
    const shown = {};
    const files = [['withheld', tooManyCards(), 'withheld.pdf'], ...FORMS.map((file) => ['form', formBytes(file), file])];
    for (const [as, bytes, name] of files) {
        const { body } = await world.as('admissions').upload(bytes, { name });
        await world.form('admissions', body.formId, { seconds: 180 });
        shown[as] = body.formId;
    }
    const screens = new Set();
    for (const role of wanted)
        for (const look of LOOKS) for (const screen of await shoot(world, role, look, shown)) screens.add(screen);
    const browser = await openBrowser({ size: { width: 1640, height: 900 } });
    for (const screen of screens) await sheet(browser.page, screen);
    await browser.close();
} finally {
    await world.stop();
}
