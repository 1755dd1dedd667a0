// The billing cache against Square's protocol: all pages, where it stopped, backing off, what a
// status means, foreign references, and webhooks that are signed, forged and sent twice.
//
// Rule: nothing here asks Square's fake for what the clinic should see; the orders are the test's own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Queue } from 'bullmq';

import { until } from '../../tools/lib/process.mjs';
import { startWorld } from '../lib/world.mjs';

let world;
let patient;
let stranger;
let queue;
let orders = [];
before(async () => {
    world = await startWorld({ workers: 1 });
    patient = (await world.as('admissions').post('/api/v1/patients', { fullName: 'Prueba Cobro' })).body;
    stranger = (await world.as('admissions-b').post('/api/v1/patients', { fullName: 'Other Clinic' })).body;
    queue = new Queue('square-sync', { connection: { host: '127.0.0.1', port: world.redis.port } });
    world.fakes.state.orders.length = 0; // the fake has some of its own
});
after(async () => {
    await queue?.close();
    await world?.stop();
});

const MINUTE = 60_000;
const order = (n, more = {}) => ({
    id: `CORE${String(n).padStart(5, '0')}`,
    location_id: 'L1',
    reference_id: patient.id,
    state: 'OPEN',
    total_money: { amount: 100 + n, currency: 'USD' },
    updated_at: new Date(Date.now() - 600 * MINUTE + n * 1000).toISOString(),
    ...more,
});

// Puts orders into Square; one with an id that is there replaces it.
function put(...fresh) {
    const ids = new Set(fresh.map((o) => o.id));
    orders = [...orders.filter((o) => !ids.has(o.id)), ...fresh].sort((a, b) => Date.parse(a.updated_at) - Date.parse(b.updated_at));
    world.fakes.state.orders.splice(0, Infinity, ...orders);
}

const searches = () => world.fakes.calls('square').filter((c) => c.path === '/v2/orders/search');
const link = async () => (await world.sql('SELECT * FROM square_connections WHERE clinic_id = $1', [patient.clinicId]))[0];
const billing = (client = world.as('admin'), id = patient.id) => client.get(`/api/v1/patients/${id}/billing`).then((r) => r.body);
const connect = () =>
    world.system.tool(['clinic', 'connect-square', '--clinic', patient.clinicId, '--merchant', 'M1', '--locations', 'L1,L2'], { input: 'sqtoken\n' });

// Lets the queue work once, as its clock would, and waits until a round has ended.
async function sync() {
    const before = (await link()).last_synced_at;
    await queue.add('square-sync', { clinicId: patient.clinicId }, { attempts: 5, backoff: { type: 'fixed', delay: 200 } });
    await until(async () => Number((await link()).last_synced_at) !== Number(before), 'a round of Square');
}

test('a clinic without Square shows "not connected"', async () => {
    const { body } = await world.as('admin').get('/api/v1/dashboard/billing-stats');
    assert.equal(body.connected, false);
    assert.equal(body.lastSyncedAt, null);
    assert.equal(body.stale, true);
    assert.deepEqual(await billing(), { items: [], stale: true });
});

test('connecting seals the token and reads every page at once', async () => {
    put(...Array.from({ length: 450 }, (_, n) => order(n)));
    await connect();
    await until(async () => (await link()).last_synced_at, 'the first round', { every: 50 });
    const items = (await billing()).items;
    assert.equal(items.length, 450);
    assert.deepEqual(new Set(items.map((i) => i.squareOrderId)), new Set(orders.map((o) => o.id)));
    assert.equal(searches().length, 3); // 200 a page
    assert.deepEqual(world.fakes.calls('square').filter((c) => c.bad), []);
    assert.deepEqual(await world.scan(['sqtoken'], { except: ['fakes'] }), []);
});

test('a clinic connected while the workers run is read every five minutes from then on', async () => {
    const schedulers = await until(async () => (await queue.getJobSchedulers()).length && queue.getJobSchedulers(), 'the schedule', { every: 300 });
    assert.deepEqual(schedulers.map((s) => [Number(s.every), s.template?.data?.clinicId]), [[300_000, patient.clinicId]]);
    // Its first run is now; it is over before the tests that count requests begin.
    await until(async () => (await queue.getJobCounts('active', 'waiting', 'prioritized')).active === 0 && (await queue.getDelayedCount()) === 1, 'its first run over');
});

test('each state means what the contract says, and foreign references are nobody\'s', async () => {
    const failedTender = [{ card_details: { status: 'FAILED' } }];
    const states = [
        [order(900, { state: 'COMPLETED' }), 'PAID'],
        [order(901, { state: 'CANCELED' }), 'REJECTED'],
        [order(902, { state: 'FAILED' }), 'REJECTED'],
        [order(903, { state: 'OPEN' }), 'PENDING'],
        [order(904, { state: 'OPEN', tenders: failedTender }), 'REJECTED'],
        [order(905, { state: 'DRAFT' }), 'PENDING'],
    ];
    const foreign = [order(910, { reference_id: stranger.id }), order(911, { reference_id: 'table 4' }), order(912, { reference_id: undefined })];
    put(...states.map(([o]) => o), ...foreign, order(913, { location_id: 'L9' }));
    await sync();
    const items = new Map((await billing()).items.map((i) => [i.squareOrderId, i]));
    for (const [o, status] of states) {
        assert.equal(items.get(o.id)?.status, status, o.state);
        assert.equal(items.get(o.id).amountCents, o.total_money.amount);
        assert.equal(items.get(o.id).currency, 'USD');
    }
    for (const o of [...foreign, { id: 'CORE00913' }]) assert.equal(items.get(o.id), undefined, o.id);
    assert.deepEqual((await billing(world.as('admin-b'), stranger.id)).items, []);
    const [{ n }] = await world.sql("SELECT count(*)::int AS n FROM billing_display_cache WHERE square_order_id = 'CORE00913'");
    assert.equal(n, 0);
});

test('only what changed since is asked for, and the dashboard adds up to a client\'s own count', async () => {
    const before = searches().length;
    put(order(3, { state: 'COMPLETED', updated_at: new Date(Date.now() - MINUTE).toISOString(), total_money: { amount: 5000, currency: 'USD' } }));
    await sync();
    const asked = searches().slice(before);
    assert.equal(asked.length, 1);
    assert.match(JSON.parse(asked[0].body).query.filter.date_time_filter.updated_at.start_at, /^\d{4}-/);
    const item = (await billing()).items.find((i) => i.squareOrderId === 'CORE00003');
    assert.deepEqual([item.status, item.amountCents], ['PAID', 5000]);

    const meaning = (o) => (o.state === 'COMPLETED' ? 'PAID' : ['CANCELED', 'FAILED'].includes(o.state) || o.tenders ? 'REJECTED' : 'PENDING');
    const counts = { PENDING: 0, PAID: 0, REJECTED: 0 };
    const cents = { PENDING: 0, PAID: 0, REJECTED: 0 };
    for (const o of orders.filter((x) => x.location_id !== 'L9')) {
        counts[meaning(o)] += 1;
        cents[meaning(o)] += o.total_money.amount;
    }
    const { body } = await world.as('admin').get('/api/v1/dashboard/billing-stats');
    assert.deepEqual(body.counts, counts);
    assert.deepEqual(body.amountCents, cents);
    assert.deepEqual([body.connected, body.stale, body.currency], [true, false, 'USD']);
});

test('a round cut in the middle goes on at its cursor, after the pause Square asked for', async () => {
    const now = Date.now() - 30_000;
    put(...Array.from({ length: 450 }, (_, n) => order(2000 + n, { updated_at: new Date(now + n).toISOString() })));
    const before = searches().length;
    // The second page is refused once, with a pause.
    const seen = world.fakes.state.takeFault.bind(world.fakes.state);
    let pages = 0;
    world.fakes.state.takeFault = (svc, path) => {
        if (svc === 'square' && path === '/v2/orders/search' && ++pages === 2) return { mode: 'status', status: 429, retryAfter: 2 };
        return seen(svc, path);
    };
    await sync();
    world.fakes.state.takeFault = seen;
    const asked = searches().slice(before).map((c) => ({ at: c.t, status: c.status, cursor: JSON.parse(c.body).cursor }));
    const refused = asked.findIndex((c) => c.status === 429);
    assert.equal(refused, 1);
    assert.equal(asked[2].cursor, asked[1].cursor); // not from the first page again
    assert.ok(asked[2].at - asked[1].at >= 1900, `asked again after ${asked[2].at - asked[1].at} ms`);
    assert.equal((await link()).cursor, null);
    assert.equal((await link()).last_error, null);
    assert.equal((await billing()).items.filter((i) => i.squareOrderId >= 'CORE02000').length, 450);
});

test('a cursor that Square has forgotten is dropped and the round begins anew', async () => {
    await world.sql("UPDATE square_connections SET cursor = 'forgotten' WHERE clinic_id = $1", [patient.clinicId]);
    world.fakes.control('fault', { svc: 'square', mode: 'status', status: 400, n: 1 });
    await sync();
    world.fakes.control('clearfaults');
    assert.equal((await link()).cursor, null);
});

test('a signed webhook reads Square at once; forged, changed and repeated ones do not', async () => {
    const url = `${world.url}/webhooks/square`;
    const hook = async (more) => {
        const before = world.fakes.calls('hook-out').length;
        world.fakes.control('hook', { svc: 'square', url, ...more });
        const times = more.times ?? 1;
        await until(() => world.fakes.calls('hook-out').length >= before + times, 'the webhook answered');
        return world.fakes.calls('hook-out').slice(before).map((c) => c.status);
    };
    put(order(5000, { state: 'COMPLETED', updated_at: new Date().toISOString() }));
    const idle = searches().length;
    assert.deepEqual(await hook({ event_id: 'forged-1', forge: true }), [403]);
    const unsigned = await world.anonymous().post('/webhooks/square', { merchant_id: 'M1', event_id: 'unsigned' });
    assert.equal(unsigned.status, 403);
    assert.deepEqual(await hook({ event_id: 'event-1', times: 3 }), [204, 204, 204]);
    await until(async () => (await billing()).items.some((i) => i.squareOrderId === 'CORE05000'), 'the order');
    assert.deepEqual(await hook({ event_id: 'event-1' }), [204]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(searches().length, idle + 1); // one event, one reading
    const [{ n }] = await world.sql("SELECT count(*)::int AS n FROM webhook_events WHERE provider = 'square'");
    assert.equal(n, 1);
});

test('nothing was ever written to Square', () => {
    const wrote = world.fakes.calls('square').filter((c) => c.method !== 'GET' && c.path !== '/v2/orders/search');
    assert.deepEqual(wrote, []);
});
