// The API's description as the server gives it: the same as api/openapi.yaml, and a page that shows it
// under the server's own Content-Security-Policy.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser } from '../lib/browser.mjs';
import { openapi } from '../lib/client.mjs';
import { startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 0, seed: false })));
after(() => world?.stop());

test('openapi.json is openapi.yaml, for anybody', async () => {
    const { status, body } = await world.anonymous().get('/openapi.json');
    assert.equal(status, 200);
    assert.deepEqual(body.paths, openapi.document.paths);
    assert.deepEqual(body.components, openapi.document.components);
});

test('what did not change is 304', async () => {
    for (const path of ['/openapi.json', '/docs', '/docs/docs.js', '/docs/docs.css']) {
        const first = await world.anonymous().get(path);
        const etag = first.headers.get('etag');
        assert.match(etag, /^"[0-9a-f]{32}"$/);
        const again = await world.anonymous().get(path, { 'if-none-match': `"other", W/${etag}` });
        assert.equal(again.status, 304);
        assert.equal(again.body, null);
        assert.equal((await world.anonymous().get(path, { 'if-none-match': '"other"' })).status, 200);
    }
});

test('the page shows every operation and schema, and complains of nothing', async () => {
    const browser = await openBrowser();
    try {
        await browser.page.goto(`${world.url}/docs#op-createAlert`);
        await browser.page.locator('#op-createAlert[open]').waitFor();
        const ids = await browser.page.locator('details').evaluateAll((all) => all.map((one) => one.id));
        const operations = Object.values(openapi.document.paths).flatMap((item) => Object.values(item));
        for (const { operationId } of operations) assert.ok(ids.includes(`op-${operationId}`), operationId);
        for (const name of Object.keys(openapi.document.components.schemas))
            assert.ok(ids.includes(`schema-${name}`), name);
        assert.match(await browser.page.locator('#op-createAlert').innerText(), /For ADMIN, ADMISSIONS; audited as ALERT_CREATED/);
        assert.doesNotMatch(await browser.page.locator('main').innerText(), /undefined|\[object/);
        assert.deepEqual(browser.complaints, []);
    } finally {
        await browser.close();
    }
});
