// The client of the fault tests: it uploads as the web page does and keeps its own book of what it
// handed in, which is what the database is counted against in the end.
//
//   const ledger = new Ledger(world, 'admissions');
//   await ledger.upload();              // tries the same Idempotency-Key again until it is taken
//   await ledger.settle();              // every form it knows ended once: one patient, one alert
// Rule: the book is written from the answers alone; nothing of it is read from the database.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';

import { sleep, until } from '../../tools/lib/process.mjs';
import { formBytes } from '../lib/world.mjs';

const FORM = 'es-table-vitals.tif'; // small, quickly read, and an emergency
const bytes = formBytes(FORM);

export class Ledger {
    constructor(world, login = 'admissions') {
        this.world = world;
        this.login = login;
        this.entries = [];
    }

    // One try; null when there was no answer or one that asks for another try.
    async attempt(entry) {
        entry.tries++;
        const form = new FormData();
        form.append('roomNumber', entry.room);
        form.append('file', new Blob([bytes], { type: 'image/tiff' }), 'form');
        const token = await this.world.token(this.login);
        try {
            const response = await fetch(`${this.world.url}/api/v1/intake/upload`, {
                method: 'POST',
                headers: { authorization: `Bearer ${token}`, 'idempotency-key': entry.key },
                body: form,
                signal: AbortSignal.timeout(20_000),
            });
            const body = await response.json();
            if (response.status === 202) return body;
            if (response.status >= 500 || response.status === 429 || response.status === 409) return null;
            throw new Error(`upload: ${response.status} ${JSON.stringify(body)}`);
        } catch (error) {
            if (error.message.startsWith('upload:')) throw error;
            return null; // no connection, or cut off in the middle
        }
    }

    async upload() {
        const entry = { key: crypto.randomBytes(16).toString('hex'), room: String(this.entries.length + 1), tries: 0 };
        this.entries.push(entry);
        const end = Date.now() + 150_000;
        for (;;) {
            const taken = await this.attempt(entry);
            if (taken) return (entry.formId = taken.formId);
            if (Date.now() > end) throw new Error('the upload was not taken within 150 s');
            await sleep(200);
        }
    }

    uploads(count) {
        return Promise.all(Array.from({ length: count }, () => this.upload()));
    }

    get formIds() {
        return this.entries.map((e) => e.formId);
    }

    // How many of these forms are open, as the API says.
    async open(formIds) {
        const client = this.world.as(this.login);
        const states = await Promise.all(formIds.map(async (id) => (await client.get(`/api/v1/intake/${id}/status`)).body?.status));
        return states.filter((s) => !['PROCESSED', 'REVIEW', 'FAILED', 'CONFIRMED'].includes(s)).length;
    }

    // Waits for the forms not settled yet and holds each against the database; then the whole book.
    async settle({ seconds = 180 } = {}) {
        for (const entry of this.entries.filter((e) => !e.settled)) {
            const form = await this.world.form(this.login, entry.formId, { seconds });
            assert.equal(form.status, 'PROCESSED', JSON.stringify(form));
            assert.ok(form.patientId && form.alertId, JSON.stringify(form));
            const [row] = await this.world.sql(
                `SELECT (SELECT count(*)::int FROM alerts WHERE intake_form_id = $1) AS alerts,
                        (SELECT count(*)::int FROM audit_logs WHERE target_id = $1 AND action = 'FORM_PROCESSED') AS processed,
                        (SELECT count(*)::int FROM audit_logs WHERE target_id = $2 AND action = 'CREATE_PATIENT') AS patients,
                        (SELECT count(*)::int FROM audit_logs WHERE target_id = $3 AND action = 'ALERT_CREATED') AS raised,
                        (SELECT room_number FROM intake_forms WHERE id = $1) AS room`,
                [entry.formId, form.patientId, form.alertId],
            );
            assert.deepEqual(row, { alerts: 1, processed: 1, patients: 1, raised: 1, room: entry.room });
            entry.settled = true;
            entry.alertId = form.alertId;
        }
        await this.count();
    }

    // Nothing beside the book: as many forms, patients and alerts as were handed in, no more.
    async count() {
        const n = this.entries.length;
        assert.equal(new Set(this.formIds).size, n, 'each upload is a form of its own');
        const [row] = await this.world.sql(
            `SELECT (SELECT count(*)::int FROM intake_forms) AS forms, (SELECT count(*)::int FROM patients) AS patients,
                    (SELECT count(*)::int FROM alerts) AS alerts,
                    (SELECT count(*)::int FROM intake_forms WHERE NOT id = ANY ($1)) AS unknown`,
            [this.formIds],
        );
        assert.deepEqual(row, { forms: n, patients: n, alerts: n, unknown: 0 });
    }

    // Every alert reached its doctors: one push for each device and step, as the provider counted them.
    // A worker that died between a push and its record is the only reason for a second one (nobody
    // knows whether the first arrived; a phone shows both as one): such tries are counted and returned.
    async paged({ seconds = 90 } = {}) {
        const left = () =>
            this.world.sql("SELECT id FROM alerts WHERE status NOT IN ('DELIVERED', 'ESCALATED', 'ACKNOWLEDGED', 'CLOSED')");
        await until(async () => (await left()).length === 0, 'every alert delivered', { seconds, every: 300 });
        const all = { pages: 0, doubtful: 0 };
        for (const { alertId } of this.entries) {
            let one;
            const right = async () => (one = await this.pagesOf(alertId)).wrong.length === 0;
            await until(right, 'one push for each device and step', { every: 300 }).catch(() => assert.deepEqual(one.wrong, []));
            all.pages += one.pages;
            all.doubtful += one.doubtful;
        }
        return all;
    }

    // What the provider took for one alert against what the steps so far should have sent.
    async pagesOf(alertId) {
        const took = new Map();
        for (const call of this.world.fakes.calls('fcm').filter((c) => c.status === 200 && c.body.includes(alertId))) {
            const { token } = JSON.parse(call.body).message;
            took.set(token, (took.get(token) ?? 0) + 1);
        }
        const steps = await this.world.sql(
            `SELECT user_id, count(DISTINCT (device_id, tier))::int AS due,
                    count(*) FILTER (WHERE status IN ('accepted', 'delivered'))::int AS accepted,
                    count(*) FILTER (WHERE status = 'claimed' OR error = 'temporary-interrupted')::int AS doubtful
               FROM alert_deliveries WHERE alert_id = $1 AND channel = 'push' GROUP BY user_id`,
            [alertId],
        );
        const wrong = steps.length ? [] : [`${alertId}: nobody was paged`];
        for (const { user_id: userId, due, accepted, doubtful } of steps) {
            const { login } = this.world.system.accounts().find((a) => a.userId === userId);
            const token = `demo-device-${login}`; // one a user: demo/seed
            const count = took.get(token) ?? 0;
            took.delete(token);
            if (accepted !== due || count < due || count > due + doubtful) wrong.push(`${alertId}: ${login} has ${count} pushes, ${accepted} recorded, for ${due} steps (${doubtful} in doubt)`);
        }
        for (const token of took.keys()) wrong.push(`${alertId}: ${token} was paged by nobody`);
        const pages = steps.reduce((n, s) => n + s.due, 0);
        return { wrong, pages, doubtful: steps.reduce((n, s) => n + s.doubtful, 0) };
    }
}

// A small generator (mulberry32): the same seed draws the same moments.
export function randomOf(seed) {
    let state = seed;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}
