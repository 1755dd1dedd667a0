// The dashboards against a client's own count of what it did: flow, today in the clinic's own time
// zone, waits with those still waiting, and corporate's numbers with small cells left out.
//
// Rule: every expected number is counted here, from what this test made; none is asked of the server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startWorld } from '../lib/world.mjs';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let world;
const made = []; // {clinic, arrivedAt, status, attendedAt}
before(async () => (world = await startWorld({ workers: 0 })));
after(() => world?.stop());

// The start of today in a time zone, as a Date.
function dayStart(timeZone) {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(new Date());
    const of = (type) => Number(parts.find((p) => p.type === type).value);
    return new Date(Math.floor(Date.now() / 1000) * 1000 - ((of('hour') * 60 + of('minute')) * 60 + of('second')) * 1000);
}

async function register(clinic, arrivedAt, moves = []) {
    const suffix = clinic === 'b' ? '-b' : '';
    const request = { fullName: `Prueba Tablero ${made.length}`, arrivedAt: arrivedAt.toISOString() };
    const { status, body } = await world.as(`admissions${suffix}`).post('/api/v1/patients', request);
    assert.equal(status, 201, JSON.stringify(body));
    const patient = { id: body.id, clinic, arrivedAt, status: 'WAITING', alerts: [] };
    for (const to of moves) {
        const moved = await world.as(`admin${suffix}`).patch(`/api/v1/patients/${body.id}/status`, { status: to });
        assert.equal(moved.status, 200, JSON.stringify(moved.body));
        patient.status = to;
        if (to === 'BEING_ATTENDED') patient.attendedAt = new Date();
        if (to === 'DISCHARGED') patient.dischargedAt = new Date();
    }
    made.push(patient);
    return patient;
}

async function raise(patient, urgencyLevel) {
    const suffix = patient.clinic === 'b' ? '-b' : '';
    const { status, body } = await world.as(`admissions${suffix}`).post('/api/v1/alerts', { patientId: patient.id, urgencyLevel });
    assert.equal(status, 201, JSON.stringify(body));
    patient.alerts.push({ id: body.id, urgencyLevel, closed: false });
    return patient.alerts.at(-1);
}

const zones = { a: 'America/Bogota', b: 'America/New_York' };
const zero = (keys) => Object.fromEntries(keys.map((k) => [k, 0]));

function expected(clinics) {
    const flow = { counts: zero(['WAITING', 'BEING_ATTENDED', 'DISCHARGED']), today: { arrived: 0, discharged: 0 }, activeAlerts: zero(['LOW', 'MODERATE', 'URGENT', 'CRITICAL']) };
    for (const p of made.filter((m) => clinics.includes(m.clinic))) {
        flow.counts[p.status]++;
        flow.today.arrived += p.arrivedAt >= dayStart(zones[p.clinic]) ? 1 : 0;
        flow.today.discharged += p.dischargedAt ? 1 : 0;
        for (const a of p.alerts) if (!a.closed && p.status !== 'DISCHARGED') flow.activeAlerts[a.urgencyLevel]++;
    }
    return flow;
}

const parts = ({ counts, today, activeAlerts }) => ({ counts, today, activeAlerts });

test('an empty clinic is all zeros, and no wait is null, not zero', async () => {
    const from = Date.now();
    const { body } = await world.as('admin').get('/api/v1/dashboard/flow');
    const asOf = Date.parse(body.asOf);
    assert.ok(asOf >= from - 1000 && asOf <= Date.now() + 1000, body.asOf);
    assert.deepEqual(parts(body), expected(['a']));
    assert.deepEqual(body.waitMinutes, { median: null, p90: null });
});

test('counts, today and alerts are what the client did; each clinic its own', async () => {
    const soon = (minutes) => new Date(Date.now() - minutes * MINUTE);
    for (let i = 0; i < 6; i++) await register('a', soon(10 + i * 10));
    for (let i = 0; i < 2; i++) await register('a', soon(30), ['BEING_ATTENDED']);
    await register('a', soon(40), ['BEING_ATTENDED', 'DISCHARGED']);
    await register('b', soon(5));
    await register('b', soon(5), ['BEING_ATTENDED', 'DISCHARGED']);
    for (const [i, level] of ['LOW', 'URGENT', 'CRITICAL', 'CRITICAL'].entries()) await raise(made[i], level);
    const closed = await raise(made[4], 'MODERATE');
    assert.equal((await world.as('admin').patch(`/api/v1/alerts/${closed.id}/acknowledge`)).status, 200);
    assert.equal((await world.as('admin').patch(`/api/v1/alerts/${closed.id}/close`)).status, 200);
    closed.closed = true;
    for (const [login, clinic] of [['admin', 'a'], ['admissions', 'a'], ['admin-b', 'b']]) {
        const { body } = await world.as(login).get('/api/v1/dashboard/flow');
        assert.deepEqual(parts(body), expected([clinic]), login);
    }
    const inB = await world.as('corporate', { 'x-clinic-id': world.account('admin-b').clinicId }).get('/api/v1/dashboard/flow');
    assert.deepEqual(parts(inB.body), expected(['b']));
    const all = await world.as('corporate').get('/api/v1/dashboard/flow');
    assert.deepEqual(parts(all.body), expected(['a', 'b']));
});

test("today begins at the clinic's own midnight", async () => {
    for (const clinic of ['a', 'b']) {
        const midnight = dayStart(zones[clinic]).getTime();
        await register(clinic, new Date(midnight - 2 * MINUTE));
        if (Date.now() - midnight > 3 * MINUTE) await register(clinic, new Date(midnight + 2 * MINUTE));
        const login = clinic === 'a' ? 'admin' : 'admin-b';
        const flow = async () => parts((await world.as(login).get('/api/v1/dashboard/flow')).body);
        assert.deepEqual(await flow(), expected([clinic]));
        // The same moments are another day elsewhere: the zone decides, not the server's clock.
        const elsewhere = ['Pacific/Kiritimati', 'Pacific/Pago_Pago'];
        const own = zones[clinic];
        for (const zone of elsewhere) {
            zones[clinic] = zone;
            await world.sql('UPDATE clinics SET timezone = $2 WHERE id = $1', [world.account(login).clinicId, zone]);
            const { counts, today, activeAlerts } = expected([clinic]);
            const got = await flow();
            assert.deepEqual({ counts: got.counts, arrived: got.today.arrived, activeAlerts: got.activeAlerts }, { counts, arrived: today.arrived, activeAlerts }, zone);
        }
        zones[clinic] = own;
        await world.sql('UPDATE clinics SET timezone = $2 WHERE id = $1', [world.account(login).clinicId, own]);
    }
});

// percentile_cont: linear between the neighbours.
function percentile(values, share) {
    const sorted = [...values].sort((x, y) => x - y);
    const at = (sorted.length - 1) * share;
    const low = Math.floor(at);
    return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
}

test('waits are of today and of everybody still waiting', async () => {
    await register('b', new Date(Date.now() - 30 * HOUR)); // since yesterday, still waiting: counts
    await register('b', new Date(Date.now() - 31 * HOUR), ['BEING_ATTENDED']); // yesterday's, attended: does not
    const start = dayStart(zones.b);
    const waits = made
        .filter((p) => p.clinic === 'b' && (p.arrivedAt >= start || p.status === 'WAITING'))
        .map((p) => ((p.attendedAt ?? new Date()) - p.arrivedAt) / MINUTE);
    const { waitMinutes } = (await world.as('admin-b').get('/api/v1/dashboard/flow')).body;
    assert.ok(Math.abs(waitMinutes.median - percentile(waits, 0.5)) < 0.5, `${waitMinutes.median} for ${waits}`);
    assert.ok(Math.abs(waitMinutes.p90 - percentile(waits, 0.9)) < 0.5, `${waitMinutes.p90} for ${waits}`);
});

test("a clinic's stats say the same as its own board, to corporate only", async () => {
    const { clinicId } = world.account('admin');
    const { body } = await world.as('corporate').get(`/api/v1/clinics/${clinicId}/stats`);
    assert.deepEqual(parts(body.flow), expected(['a']));
    assert.equal(body.clinicId, clinicId);
    assert.equal(body.billing.connected, false);
    assert.deepEqual(body.forms, { processed: 0, reviewed: 0, emergencies: 0 });
    assert.ok(body.latencyMs.alertToAck.p50 > 0, 'one alert was acknowledged');
    assert.equal(body.latencyMs.uploadToAlert.p50, null, 'none came from a form');
    assert.equal((await world.as('corporate').get('/api/v1/clinics/00000000-0000-4000-8000-000000000000/stats')).status, 404);
});

test('the aggregate leaves out cells of 1 to 4 and adds up only what it shows', async () => {
    const { body } = await world.as('corporate').get('/api/v1/clinics/aggregate');
    assert.equal(body.clinics.length, 2);
    assert.equal(body.suppressedBelow, 5);
    const totals = {};
    for (const clinic of ['a', 'b']) {
        const { clinicId } = world.account(clinic === 'a' ? 'admin' : 'admin-b');
        const row = body.clinics.find((c) => c.clinicId === clinicId);
        const e = expected([clinic]);
        const cells = {
            waiting: e.counts.WAITING, beingAttended: e.counts.BEING_ATTENDED, discharged: e.counts.DISCHARGED,
            arrivedToday: e.today.arrived, dischargedToday: e.today.discharged,
            alertsLow: e.activeAlerts.LOW, alertsModerate: e.activeAlerts.MODERATE, alertsUrgent: e.activeAlerts.URGENT, alertsCritical: e.activeAlerts.CRITICAL,
            formsProcessed: 0, formsReviewed: 0, formsEmergencies: 0,
        };
        for (const [name, n] of Object.entries(cells)) {
            const shown = n === 0 || n >= 5 ? n : null;
            assert.equal(row[name], shown, `${clinic}.${name} is ${n}`);
            totals[name] = (totals[name] ?? 0) + (shown ?? 0);
        }
    }
    assert.ok(body.clinics.some((c) => c.waiting >= 5) && body.clinics.some((c) => c.discharged === null), 'both kinds of cell were seen');
    for (const [name, n] of Object.entries(totals)) assert.equal(body.totals[name], n, name);
    const text = JSON.stringify(body);
    assert.ok(!text.includes('Prueba'), 'a patient in corporate numbers');
});
