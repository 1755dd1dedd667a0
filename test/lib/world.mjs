// The world of an integration test: the whole system in a temporary folder, and ways to act in it.
//
//   const world = await startWorld({ workers: 1 });
//   const { body } = await world.as('admissions').upload(bytes);
//   const form = await world.form('admissions', body.formId);        // waits until it is processed
//   const doctor = await world.listen('doctor');                     // a stock socket.io-client
//   await doctor.next('alert:new');
//   await world.sql('SELECT ...', [...]);                            // as the superuser
//   assert.deepEqual(await world.scan(['4111111111111111']), []);
//   await world.stop();                                              // fails when a part ended badly
// Rule: a world is seeded with demo/seed, so test users are the demo's (logins: see there).
import fs from 'node:fs';
import os from 'node:os';
import { join, resolve } from 'node:path';

import { seed, seedApi } from '../../demo/seed/seed.mjs';
import { sleep } from '../../tools/lib/process.mjs';
import { removeDir, root, startSystem } from '../../tools/lib/system.mjs';
import { Client } from './client.mjs';
import { scanWorld } from './scan.mjs';
import { Listener } from './socket.mjs';
import { worldTemplate } from './template.mjs';

export { cardForms } from './scan.mjs';

const FINAL = ['PROCESSED', 'REVIEW', 'CONFIRMED', 'FAILED'];

export const formsDir = join(root, 'demo', 'forms');
export const forms = () => JSON.parse(fs.readFileSync(join(formsDir, 'forms.json'), 'utf8'));
export const formBytes = (file) => fs.readFileSync(join(formsDir, file));

// Alerts that nobody acknowledges escalate after an hour here, not after one or two minutes: those are
// over in a test on a slow machine. A test of escalation sets its own times.
export const patience = { CRITICAL: { escalateAfterS: 3600 }, URGENT: { escalateAfterS: 3600 }, MODERATE: { smsAfterS: 3600, escalateAfterS: 3600 } };

export class World {
    constructor(system) {
        this.system = system;
        this.listeners = [];
        this.tokens = new Map();
    }

    get url() {
        return this.system.url;
    }

    get pg() {
        return this.system.pg;
    }

    get redis() {
        return this.system.redis;
    }

    get fakes() {
        return this.system.fakes;
    }

    // The seeded account: {login, role, authId, clinicId, userId, name, ...}.
    account(login) {
        const account = this.system.accounts().find((a) => a.login === login);
        if (!account) throw new Error(`no account ${login}`);
        return account;
    }

    // An access token, kept for 30 minutes; `expiresIn` asks for a new short one.
    async token(login, { expiresIn } = {}) {
        if (expiresIn) return this.system.issuer.token(login, { expiresIn });
        const kept = this.tokens.get(login);
        if (kept && kept.until > Date.now()) return kept.token;
        const token = await this.system.issuer.token(login);
        this.tokens.set(login, { token, until: Date.now() + 30 * 60_000 });
        return token;
    }

    as(login, headers) {
        return new Client(this.url, () => this.token(login), headers);
    }

    anonymous(headers) {
        return new Client(this.url, null, headers);
    }

    // A connected socket of that user; `options` go to socket.io-client.
    async listen(login, options = {}) {
        const listener = new Listener(this.url, await this.token(login), options);
        this.listeners.push(listener);
        return listener.connected();
    }

    // Polls a form's status until it is final.
    async form(login, formId, { seconds = 240, statuses = FINAL } = {}) {
        const client = this.as(login);
        const end = Date.now() + seconds * 1000;
        let last;
        while (Date.now() < end) {
            last = await client.get(`/api/v1/intake/${formId}/status`);
            if (statuses.includes(last.body?.status)) return last.body;
            await sleep(100);
        }
        throw new Error(`form ${formId} not done in ${seconds} s: ${JSON.stringify(last?.body)}`);
    }

    // Registers a patient and raises an alert for it, as the front desk does.
    async alert(login, { patient = {}, ...alert } = {}) {
        const client = this.as(login);
        const made = await client.post('/api/v1/patients', { fullName: 'Prueba Alerta', ...patient });
        if (made.status !== 201) throw new Error(`no patient: ${JSON.stringify(made.body)}`);
        const request = { patientId: made.body.id, urgencyLevel: 'URGENT', ...alert };
        const raised = await client.post('/api/v1/alerts', request);
        if (raised.status !== 201) throw new Error(`no alert: ${JSON.stringify(raised.body)}`);
        return { patient: made.body, alert: raised.body };
    }

    sql(text, params = []) {
        return this.pg.query('postgres', text, params);
    }

    scan(needles, options = {}) {
        return scanWorld(this.system, needles, { listeners: this.listeners, ...options });
    }

    async stop() {
        for (const listener of this.listeners) listener.close();
        const wrong = await this.system.stop();
        if (wrong.length) throw new Error(`${wrong.join('; ')} (kept: ${this.system.dir})`);
        if (!process.env.NEXACORE_KEEP) removeDir(this.system.dir);
    }
}

// PostgreSQL with all its processes stopped ('SIGSTOP') or going on ('SIGCONT'): stopped it takes
// connections and answers nothing. Its parent is first, so that no child is missed; one may end meanwhile.
export function freezePostgres({ pg }, signal) {
    process.kill(pg.pid, signal);
    for (const child of fs.readFileSync(`/proc/${pg.pid}/task/${pg.pid}/children`, 'utf8').split(' ').filter(Boolean)) {
        try {
            process.kill(Number(child), signal);
        } catch (error) {
            if (error.code !== 'ESRCH') throw error;
        }
    }
}

// Options: workers (1), env (settings that differ), dir, build, seed (true), onStep. A database that
// was migrated and seeded once is copied (template.mjs), so a world is up in a second.
export async function startWorld({ dir, seed: seeded = true, ...options } = {}) {
    const home = resolve(dir ?? fs.mkdtempSync(join(os.tmpdir(), 'nexacore-')));
    removeDir(home); // a world starts empty
    fs.mkdirSync(home, { recursive: true });
    fs.chmodSync(home, 0o711);
    const build = options.build ?? resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
    const from = await worldTemplate(build, seeded ? seed : null);
    const env = { NEXACORE_REVIEW_SAMPLE: '0', ...options.env }; // no review by chance
    const seedApiToo = seeded ? { seedApi } : {};
    const world = new World(await startSystem({ dir: home, from, disposable: true, ...seedApiToo, ...options, env, build }));
    await world.sql('UPDATE clinic_settings SET alert_policy = $1', [JSON.stringify(patience)]);
    return world;
}
