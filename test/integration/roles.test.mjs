// Every route x role cell of SPEC 1, from outside: who is refused gets 403 and an audit row, who is
// allowed gets anything but 401 and 403, nobody without a token gets past 401.
//
// Rule: the table below is written from the contract, not from the code, so that the two are compared.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import { root } from '../../tools/lib/system.mjs';
import { startWorld } from '../lib/world.mjs';

const NONE = '00000000-0000-4000-8000-000000000000';
const ROLES = { D: 'doctor', A: 'admin', S: 'admissions', C: 'corporate' };

// Method, path, who may: D doctor, A admin, S admissions, C corporate.
const CELLS = [
    ['POST', '/api/v1/alerts', 'AS'],
    ['GET', '/api/v1/alerts', 'DAS'],
    ['GET', `/api/v1/alerts/${NONE}`, 'DAS'],
    ['GET', `/api/v1/alerts/${NONE}/timeline`, 'DAS'],
    ['PATCH', `/api/v1/alerts/${NONE}/acknowledge`, 'DA'],
    ['POST', `/api/v1/alerts/${NONE}/escalate`, 'DA'],
    ['PATCH', `/api/v1/alerts/${NONE}/close`, 'DA'],
    ['POST', '/api/v1/patients', 'AS'],
    ['GET', '/api/v1/patients', 'DASC'],
    ['GET', `/api/v1/patients/${NONE}`, 'DASC'],
    ['PATCH', `/api/v1/patients/${NONE}/status`, 'DAS'],
    ['GET', `/api/v1/patients/${NONE}/billing`, 'ASC'],
    ['POST', '/api/v1/intake/upload', 'AS'],
    ['PATCH', `/api/v1/intake/${NONE}/confirm`, 'AS'],
    ['GET', '/api/v1/intake/review-queue', 'AS'],
    ['GET', '/api/v1/intake/layouts', 'A'],
    ['DELETE', `/api/v1/intake/layouts/${NONE}`, 'A'],
    ['GET', `/api/v1/intake/${NONE}/status`, 'DAS'],
    ['GET', `/api/v1/intake/${NONE}`, 'DAS'],
    ['GET', `/api/v1/intake/${NONE}/pages/1.png`, 'DAS'],
    ['GET', '/api/v1/dashboard/flow', 'ASC'],
    ['GET', '/api/v1/dashboard/billing-stats', 'AC'],
    ['GET', `/api/v1/clinics/${NONE}/stats`, 'C'],
    ['GET', '/api/v1/clinics/aggregate', 'C'],
    ['GET', '/api/v1/audit-logs', 'AC'],
    ['GET', '/api/v1/queues', 'A'],
    ['POST', `/api/v1/queues/ocr-processing/jobs/ocr-${NONE}/retry`, 'A'],
    ['GET', '/api/v1/me', 'DASC'],
    ['GET', '/api/v1/on-call', 'DASC'],
    ['PUT', '/api/v1/on-call', 'A'],
    ['POST', '/api/v1/devices', 'DASC'],
    ['DELETE', '/api/v1/devices', 'DASC'],
];

const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
const { routes } = JSON.parse(execFileSync(join(build, 'nexacore-tables'), { encoding: 'utf8', maxBuffer: 1 << 24 }));

test('every route of the API has its row in this table, and every row is a route', () => {
    const nameless = (path) => path.replace('/ocr-processing/jobs/ocr-', '/:name/jobs/').replaceAll(NONE, ':id').replace('/pages/1.png', '/pages/:page').replace(/:\w+/g, ':');
    const cells = CELLS.map(([method, path]) => `${method} ${nameless(path)}`).sort();
    const served = routes.filter((r) => r.path.startsWith('/api/')).map((r) => `${r.method} ${nameless(r.path)}`).sort();
    assert.deepEqual(cells, served);
});

let world;
before(async () => (world = await startWorld({ workers: 0 })));
after(() => world?.stop());

const send = (client, method, path) => client.call(method, path, method === 'GET' ? undefined : {});

for (const [method, path, allowed] of CELLS) {
    for (const [letter, login] of Object.entries(ROLES)) {
        const may = allowed.includes(letter);
        test(`${login} ${may ? 'may' : 'may not'} ${method} ${path.replaceAll(NONE, ':id')}`, async () => {
            const headers = letter === 'C' ? { 'x-clinic-id': world.account('admin').clinicId } : {};
            const { status, body } = await send(world.as(login, headers), method, path);
            if (may) {
                assert.ok(![401, 403].includes(status), `${status} ${JSON.stringify(body)}`);
                assert.ok(status < 500, `${status} ${JSON.stringify(body)}`);
            } else {
                assert.equal(status, 403, JSON.stringify(body));
                assert.equal(body.type, '/problems/forbidden');
            }
        });
    }
    test(`nobody without a token may ${method} ${path.replaceAll(NONE, ':id')}`, async () => {
        const { status, headers } = await send(world.anonymous(), method, path);
        assert.equal(status, 401);
        assert.match(headers.get('www-authenticate') ?? '', /^Bearer/);
    });
}

test('a refusal leaves an ACCESS_DENIED row with who and what', async () => {
    await world.as('doctor').get('/api/v1/audit-logs');
    const { userId } = world.account('doctor');
    const end = Date.now() + 45_000;
    for (;;) {
        const { body } = await world.as('admin').get(`/api/v1/audit-logs?action=ACCESS_DENIED&actor=${userId}`);
        if (body.items.length) return assert.equal(body.items[0].actorRole, 'DOCTOR');
        if (Date.now() > end) throw new Error('no ACCESS_DENIED row within 45 s');
        await new Promise((resolve) => setTimeout(resolve, 500));
    }
});
