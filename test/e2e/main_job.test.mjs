// The main job in a browser: a form is dropped, the doctor's phone shows the alert by itself, the
// doctor acknowledges, the admin sees it and finds it in the audit trail. Then what goes wrong: bad files, lost sessions, lost links.
//
// Rule: everybody signs in on the issuer's real page; nothing is put into the page from outside.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { openBrowser, signIn, sizes } from '../lib/browser.mjs';
import { formsDir, startWorld } from '../lib/world.mjs';

const EMERGENCY = 'es-table-vitals.tif';
const PATIENT = /Yuliana Peñaranda/;

let world;
const browsers = [];

// A person at a screen, signed in, with the live channel up.
async function person(login, options) {
    const browser = await openBrowser(options);
    browsers.push(browser);
    await signIn(browser.page, world.url, world.account(login));
    await browser.page.locator('.live.on').waitFor();
    return browser;
}

// Drops the file on the zone, as a mouse does.
async function drop(page, file) {
    const base64 = fs.readFileSync(join(formsDir, file)).toString('base64');
    const dataTransfer = await page.evaluateHandle((text) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], 'formulario.tif', { type: 'image/tiff' }));
        return transfer;
    }, base64);
    await page.locator('.drop').dispatchEvent('drop', { dataTransfer });
}

// What a screen reader would stumble over: fields and buttons without a name, pictures without text.
function nameless(page) {
    return page.evaluate(() => {
        const labelled = (el) => [...(el.labels ?? [])].some((l) => l.textContent.trim());
        const named = (el) => el.getAttribute('aria-label') || el.textContent.trim() || labelled(el);
        const all = [...document.querySelectorAll('button, a, input, textarea, summary, img:not([alt])')];
        return all.filter((el) => el.getClientRects().length > 0 && !named(el)).map((el) => el.outerHTML);
    });
}

// The admin's audit page has the upload and the acknowledgement, and soon the doctor's reads.
async function findInTrail(page) {
    await page.getByRole('link', { name: 'Auditoría' }).click();
    const filter = page.getByLabel('Acción');
    const row = (action, who) => page.locator(`.trail tr[data-action=${action}]`).filter({ hasText: who }).first();
    await filter.selectOption({ label: 'Subió un formulario' });
    await row('FORM_UPLOADED', 'Admisiones').waitFor();
    await filter.selectOption({ label: 'Reconoció una alerta' });
    await row('ALERT_ACKNOWLEDGED', 'Dra. Elena Prueba').waitFor();
    await filter.selectOption({ label: 'Vio la lista de alertas' });
    const read = row('LIST_ALERTS', 'Dra. Elena Prueba');
    for (let tries = 0; tries < 60 && !(await read.isVisible()); tries++) {
        await page.waitForTimeout(1000);
        await page.getByRole('button', { name: 'Actualizar' }).click();
    }
    await read.waitFor();
}

const sideways = (page) =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

before(async () => {
    world = await startWorld({ workers: 1 });
});

after(async () => {
    for (const browser of browsers) await browser.close();
    await world?.stop();
});

test('a dropped emergency form reaches the phone of the doctor, who acknowledges it', async () => {
    const doctor = await person('doctor', { size: sizes.phone, hasTouch: true, isMobile: true });
    const admin = await person('admin');
    const clerk = await person('admissions');
    await doctor.page.getByText('No hay alertas sin reconocer').waitFor();

    await drop(clerk.page, EMERGENCY);
    const sent = clerk.page.locator('.sent').first();
    await sent.locator('progress').waitFor();
    await sent.locator('.verdict.emergency').waitFor({ timeout: 240_000 });
    await sent.getByText(PATIENT).waitFor();
    await sent.getByText('Crítica').waitFor();

    const card = doctor.page.locator('.alert').filter({ hasText: PATIENT });
    await card.waitFor(); // live: nobody touched the phone
    await card.getByText('Crítica').waitFor();
    const button = card.getByRole('button', { name: 'Reconocer', exact: true });
    const { width, height } = await button.boundingBox();
    assert.ok(height >= 44 && width >= 200, `${width} x ${height}`);
    await button.tap();
    await card.getByText('Reconocida por Dra. Elena Prueba').waitFor();

    const seen = admin.page.locator('.alert').filter({ hasText: PATIENT });
    await seen.getByText('Reconocida por Dra. Elena Prueba').waitFor();
    const [row] = await world.sql('SELECT status, acknowledged_by FROM alerts');
    assert.equal(row.status, 'ACKNOWLEDGED');
    assert.equal(row.acknowledged_by, world.account('doctor').userId);
    await findInTrail(admin.page);

    for (const { page, complaints } of [doctor, admin, clerk]) {
        assert.deepEqual(complaints, []);
        assert.deepEqual(await nameless(page), []);
        assert.ok((await sideways(page)) <= 0, 'the page scrolls sideways');
    }
});

test('a clerk corrects a field beside its page and confirms', async () => {
    const { page, complaints } = await person('admissions');
    await page.locator('input[type=file]').first().setInputFiles(join(formsDir, 'en-table-vaccines.jpg'));
    const sent = page.locator('.sent').first();
    await sent.locator('.verdict.calm').waitFor({ timeout: 240_000 });
    await sent.getByText('Número de tarjeta eliminado').waitFor();
    await sent.getByRole('link', { name: /Revisar datos/ }).click();
    await page.locator('.page-image img').waitFor();
    await page.locator('.page-image rect').waitFor(); // where the name was read
    await page.getByLabel(/Nombre completo/).fill('Terrence Fenwick Corregido');
    await page.getByRole('button', { name: 'Guardar cambios y confirmar' }).click();
    await page.getByText('Datos confirmados').waitFor();
    assert.deepEqual(complaints, []);
    assert.deepEqual(await nameless(page), []);
    const { body } = await world.as('admissions').get('/api/v1/patients?q=Terrence%20Fenwick%20Corregido');
    assert.equal(body.items.length, 1);
});

test('a file that is no form is refused in words, in both languages', async () => {
    const { page } = await person('admissions');
    const pick = page.locator('input[type=file]').first();
    await pick.setInputFiles({ name: 'notas.txt', mimeType: 'text/plain', buffer: Buffer.from('hola') });
    await page.getByText('no es PNG, JPEG, TIFF ni PDF').waitFor();
    const broken = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    await pick.setInputFiles({ name: 'roto.png', mimeType: 'image/png', buffer: broken });
    await page.getByText('dañado o incompleto').waitFor();
    await page.locator('details.person summary').click();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('The file is damaged or incomplete').waitFor();
    await page.getByText('not a PNG, JPEG, TIFF or PDF').waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
});

test('a refused token is renewed at the issuer and the person stays where they were', async () => {
    const { page } = await person('admin');
    await page.getByRole('link', { name: 'Pacientes' }).click();
    await page.getByRole('heading', { name: 'Pacientes' }).waitFor();
    let asked = 0;
    await page.route('**/api/v1/patients?status=BEING_ATTENDED**', (route) => {
        if (asked++ > 0) return route.continue();
        const body = '{"type":"/problems/unauthenticated","status":401}';
        return route.fulfill({ status: 401, contentType: 'application/problem+json', body });
    });
    const atIssuer = page.waitForRequest((request) => request.url().startsWith(`${world.system.issuer.url}/auth?`));
    const tab = page.getByRole('button', { name: 'En atención' });
    await tab.click();
    await atIssuer;
    await page.waitForURL(`${world.url}/patients`);
    await tab.click();
    await page.getByText('No hay pacientes aquí').waitFor();
    assert.equal(asked, 2);
});

test('sound is off at first; once it is on, a new alert rings on whichever screen', async () => {
    const { page, complaints } = await person('doctor', { size: sizes.phone });
    const rung = () => page.evaluate(() => globalThis.rung ?? 0);
    await page.evaluate(() => {
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (...at) {
            globalThis.rung = (globalThis.rung ?? 0) + 1;
            return start.apply(this, at);
        };
    });
    const alert = async (fullName) => {
        await world.alert('admin', { patient: { fullName }, urgencyLevel: 'URGENT' });
        await page.locator('.alert, .notice').filter({ hasText: fullName }).first().waitFor();
    };
    await alert('Silencio Ejemplo');
    assert.equal(await rung(), 0);
    await page.getByLabel('Sonido y vibración').check();
    assert.equal(await rung(), 1); // so that the person hears what it is like
    await page.getByRole('link', { name: 'Pacientes' }).click();
    await alert('Sonido Ejemplo');
    assert.equal(await rung(), 4);
    assert.deepEqual(complaints, []);
});

test('losing the live channel is said in words, and it comes back by itself', async () => {
    const { page } = await person('doctor', { size: sizes.phone });
    const kept = world.system.env;
    await world.system.serve.stop();
    await page.getByText('Sin conexión en vivo').waitFor();
    await world.system.startServe(kept);
    await page.locator('.live.on').waitFor();
    await page.getByText('Sin conexión en vivo').waitFor({ state: 'detached' });
});

// How often the page has asked for the list of alerts.
function listsRead(page) {
    const seen = { count: 0 };
    page.on('request', (request) => request.url().includes('/api/v1/alerts?') && seen.count++);
    return seen;
}

async function redis(action) {
    const client = world.redis.client();
    try {
        return await action(client);
    } finally {
        client.disconnect();
    }
}

const relayed = async () => {
    while ((await world.sql('SELECT 1 FROM outbox')).length > 0) await new Promise((done) => setTimeout(done, 20));
};

test('an event that was lost shows by the next one: the page says so and reads everything again', async () => {
    const { page, complaints } = await person('admin');
    const admin = world.account('admin');
    const tell = (name, payload) => world.sql(
        "INSERT INTO outbox (clinic_id, kind, name, payload, rooms) VALUES ($1, 'event', $2, $3, ARRAY[$4])",
        [admin.clinicId, name, JSON.stringify(payload), `c:${admin.clinicId}:ADMIN`]);
    await tell('intake:processed', { formId: 'a' }); // from here on the page counts
    await relayed();
    await page.waitForTimeout(500);
    process.kill(world.system.works[0].pid, 'SIGSTOP');
    await world.alert('admissions', { patient: { fullName: 'Perdida Ejemplo' }, urgencyLevel: 'URGENT' });
    await world.sql("DELETE FROM outbox WHERE kind = 'event'");
    process.kill(world.system.works[0].pid, 'SIGCONT');
    const card = page.locator('.alert').filter({ hasText: 'Perdida Ejemplo' });
    const read = listsRead(page);
    await page.evaluate(() => {
        const pill = document.querySelector('.live');
        globalThis.pills = [pill.textContent];
        new MutationObserver(() => globalThis.pills.push(pill.textContent)).observe(pill, { subtree: true, childList: true, characterData: true });
    });
    await tell('intake:processed', { formId: 'b' }); // makes no list of alerts old by itself
    await card.waitFor();
    assert.ok(read.count >= 1);
    await page.waitForFunction(() => globalThis.pills.at(-1) === 'En vivo');
    assert.ok((await page.evaluate(() => globalThis.pills)).includes('Actualizando…'));

    // The same event again: nothing is announced or read twice.
    const before = read.count;
    const [[, fields]] = await redis((r) => r.xrevrange('socket.io', '+', '-', 'COUNT', 1));
    await redis((r) => r.xadd('socket.io', '*', ...fields.map((v) => v.replace('intake:processed', 'alert:new'))));
    await page.waitForTimeout(1500);
    assert.equal(read.count, before);

    // Redis lost its memory: everybody reads again, though nothing happens.
    await redis((r) => r.flushall());
    await page.waitForFunction(() => globalThis.pills.filter((text) => text === 'Actualizando…').length >= 2, null);
    await page.waitForFunction(() => globalThis.pills.at(-1) === 'En vivo');
    assert.ok(read.count > before);
    assert.deepEqual(complaints, []);
});

test('signing out ends the session here and at the issuer', async () => {
    const { page } = await person('doctor2');
    await page.locator('details.person summary').click();
    await page.getByRole('button', { name: 'Cerrar sesión' }).click();
    await page.waitForURL((at) => at.origin === world.system.issuer.url);
    await page.locator('button').first().click(); // the issuer asks
    await page.waitForURL((at) => at.origin === world.url);
    assert.equal(await page.evaluate(() => Object.keys(sessionStorage).filter((k) => k.startsWith('oidc.user')).length), 0);
    await page.getByRole('button', { name: 'Iniciar sesión' }).click();
    await page.locator('input[type=password]').waitFor();
});
