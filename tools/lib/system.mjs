// The whole of NexaCore on one machine: PostgreSQL, Redis, fakes, issuer, serve, work. The demo and
// the integration tests start it with this one function, so they run the same thing.
//
// Rule: everything listens on 127.0.0.1, keeps its data under `dir`, and ends with stop().
import crypto from 'node:crypto';
import fs from 'node:fs';
import { join, resolve } from 'node:path';

import { startFakes } from '../../test/fakes/fakes.mjs';
import { startIssuer } from '../oidc.mjs';
import { startPostgres } from '../pg_dev.mjs';
import { freePort, run, startPart } from './process.mjs';
import { startRedis } from './redis.mjs';

export const root = resolve(import.meta.dirname, '../..');
export const buildDir = () => resolve(root, process.env.NEXACORE_BUILD ?? 'build');

// Ports a person likes to see again; where one is taken, any free one.
export const demoPorts = { serve: 8080, metrics: 9464, issuer: 8081, fakes: 8082, postgres: 8083, redis: 8084 };

// A service account as Google's console downloads it, signed against the fake's token endpoint.
function serviceAccount(dir, fakes) {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
    const account = {
        type: 'service_account',
        project_id: 'nexacore-demo',
        private_key_id: crypto.randomBytes(8).toString('hex'),
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        client_email: 'push@nexacore-demo.iam.gserviceaccount.com',
        token_uri: `${fakes.url}/google/token`,
    };
    fakes.config.googlePublicKey = publicKey;
    const file = join(dir, 'fcm.json');
    fs.writeFileSync(file, JSON.stringify(account), { mode: 0o600 });
    return file;
}

async function masterKey(dir, binary) {
    const file = join(dir, 'master.key');
    if (!fs.existsSync(file)) await run(binary, ['keys', 'new-master', file]);
    return file;
}

// The environment of serve and work; `more` overrides.
function settings(system, more) {
    const { dir, fakes, issuer } = system;
    const web = join(root, 'web', 'dist');
    return {
        NEXACORE_DATABASE_URL: system.pg.url('nexacore_app'),
        NEXACORE_REDIS_URL: system.redis.url,
        NEXACORE_JWT_ISSUER: issuer.url,
        NEXACORE_JWT_AUDIENCE: issuer.audience,
        NEXACORE_JWT_JWKS_URL: issuer.jwksUrl,
        NEXACORE_MASTER_KEY_FILE: system.masterKeyFile,
        NEXACORE_STORE_URL: `file://${join(dir, 'store')}`,
        NEXACORE_FCM_CREDENTIALS_FILE: system.fcmFile,
        NEXACORE_FCM_BASE_URL: `${fakes.url}/fcm`,
        NEXACORE_TWILIO_ACCOUNT_SID: fakes.config.twilioSid,
        NEXACORE_TWILIO_AUTH_TOKEN: fakes.config.twilioToken,
        NEXACORE_TWILIO_FROM: '+15005550006',
        NEXACORE_TWILIO_BASE_URL: `${fakes.url}/twilio`,
        NEXACORE_SQUARE_BASE_URL: `${fakes.url}/square`,
        NEXACORE_SQUARE_SIGNATURE_KEY: fakes.config.squareSigKey,
        NEXACORE_PUBLIC_URL: system.url,
        NEXACORE_WORK_CONCURRENCY: '1',
        NEXACORE_STATE_DIR: join(dir, 'state'), // one for the machine: work moves serve's journal
        ...(fs.existsSync(web) ? { NEXACORE_WEB_DIR: web } : {}),
        ...more,
    };
}

// What of a stopped system another can begin with: its database and what belongs to it.
const BEGINNING = ['master.key', 'accounts.json'];

const CONTENTS = ['pg', 'redis', 'store', 'state', 'log', 'accounts.json', 'seeded', 'master.key', 'fcm.json'];

// Removes what a system keeps in its folder, and the folder when nothing else is in it. The database
// may stand elsewhere (see pg_dev.mjs).
export function removeDir(dir) {
    const pg = join(dir, 'pg');
    if (fs.existsSync(pg)) fs.rmSync(fs.realpathSync(pg), { recursive: true, force: true });
    for (const name of CONTENTS) fs.rmSync(join(dir, name), { recursive: true, force: true });
    if (fs.existsSync(dir) && fs.readdirSync(dir).length === 0) fs.rmdirSync(dir);
}

export class System {
    constructor(options) {
        this.dir = resolve(options.dir);
        this.options = options;
        this.binary = join(options.build ?? buildDir(), 'nexacore');
        this.parts = []; // in the order of starting; stopped the other way round
        this.works = [];
        this.logs = join(this.dir, 'log');
        this.accountsFile = join(this.dir, 'accounts.json');
        this.seededFile = join(this.dir, 'seeded');
        this.fresh = !fs.existsSync(this.seededFile);
        if (this.fresh) removeDir(this.dir); // what a broken start left half-made
        fs.mkdirSync(this.logs, { recursive: true });
        for (const name of ['store', 'state'])
            fs.mkdirSync(join(this.dir, name), { recursive: true, mode: 0o700 });
        const { from } = options;
        if (from && this.fresh) for (const name of BEGINNING) fs.copyFileSync(join(from, name), join(this.dir, name));
    }

    // Accounts of the issuer: written by the seed, read at each sign-in.
    accounts() {
        if (!fs.existsSync(this.accountsFile)) return [];
        return JSON.parse(fs.readFileSync(this.accountsFile, 'utf8'));
    }

    saveAccounts(accounts) {
        fs.writeFileSync(this.accountsFile, JSON.stringify(accounts, null, 2), { mode: 0o600 });
    }

    async step(name, start) {
        const from = performance.now();
        const result = await start();
        let detail = typeof result === 'string' ? result : result?.url;
        if (typeof detail !== 'string') detail = '';
        this.options.onStep?.(name, performance.now() - from, detail);
        return result;
    }

    keep(name, stop) {
        this.parts.push({ name, stop });
    }

    port(name) {
        return freePort(this.options.ports?.[name] ?? 0);
    }

    // Both keep folder and port, so that a test can stop one and start it again.
    async startPg(port = this.pg?.port) {
        const { disposable = false, from } = this.options;
        this.pg = await startPostgres({ dir: join(this.dir, 'pg'), port, disposable, from: from && join(from, 'pg') });
        return this.pg;
    }

    async startRedis(port = this.redis?.port) {
        this.redis = await startRedis({ dir: join(this.dir, 'redis'), port });
        return this.redis;
    }

    async startBackends() {
        this.servePort = await this.port('serve');
        this.url = `http://127.0.0.1:${this.servePort}`;
        await this.step('PostgreSQL 16', async () => {
            await this.startPg(await this.port('postgres'));
            this.keep('PostgreSQL', () => this.pg.stop());
            if (!this.options.from) await this.pg.createDatabase('nexacore');
        });
        await this.step('Redis', async () => {
            await this.startRedis(await this.port('redis'));
            this.keep('Redis', () => this.redis.stop());
            return this.redis;
        });
        this.fakes = await this.step('provider fakes', async () => {
            const fakes = await startFakes({ port: await this.port('fakes') });
            this.keep('fakes', () => fakes.stop());
            return fakes;
        });
        this.issuer = await this.step('OIDC issuer', async () => {
            const port = await this.port('issuer');
            const issuer = await startIssuer({
                port,
                accounts: () => this.accounts(),
                webOrigins: () => [this.url],
            });
            this.keep('issuer', () => issuer.stop());
            return issuer;
        });
    }

    async prepare() {
        this.masterKeyFile = await masterKey(this.dir, this.binary);
        this.fcmFile = serviceAccount(this.dir, this.fakes);
        this.env = settings(this, this.options.env);
        if (!this.options.from) await this.step('migrations', () => this.pg.migrate('nexacore', { binary: this.binary }));
    }

    // Runs a command of the binary as the owner of the database: clinic, user, keys, doctor.
    tool(args, { env = {}, input } = {}) {
        return run(this.binary, args, { env: { ...this.env, ...env }, input });
    }

    async startServe(more = {}) {
        const metrics = await this.port('metrics');
        const env = {
            ...this.env,
            NEXACORE_LISTEN: `127.0.0.1:${this.servePort}`,
            NEXACORE_METRICS_LISTEN: `127.0.0.1:${metrics}`,
            ...more,
        };
        this.metricsUrl = `http://127.0.0.1:${metrics}`;
        this.serve = startPart('serve', this.binary, ['serve'], { env, log: join(this.logs, 'serve.log') });
        await this.serve.ready(async () => (await fetch(`${this.metricsUrl}/readyz`)).ok);
        return this.serve;
    }

    // Worker `number` counts from 1. One that was killed is started again under its number.
    async startWork(number, more = {}) {
        const log = join(this.logs, `work${number}.log`);
        const started = () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '').split('working ').length;
        const before = started();
        const env = { ...this.env, ...more };
        const work = startPart(`work ${number}`, this.binary, ['work'], { env, log });
        this.works[number - 1] = work;
        await work.ready(() => started() > before);
        return work;
    }

    async startOurs() {
        await this.step('nexacore serve', async () => {
            this.keep('serve', () => this.serve.stop());
            await this.startServe();
            return this.url;
        });
        for (let n = 1; n <= (this.options.workers ?? 1); n++) {
            await this.step(`nexacore work ${n}`, async () => {
                this.keep(`work ${n}`, () => this.works[n - 1]?.stop());
                await this.startWork(n);
            });
        }
    }

    // Ends every part, last started first; goes on when one fails and tells at the end.
    async stop() {
        const wrong = [];
        for (const part of this.parts.splice(0).reverse()) {
            try {
                const result = await part.stop();
                if (result?.signal === 'SIGKILL') wrong.push(`${part.name} had to be killed`);
                if (result?.code) wrong.push(`${part.name} ended with ${result.code}`);
            } catch (error) {
                wrong.push(`${part.name}: ${error.message}`);
            }
        }
        return wrong;
    }
}

// The beginning of a system alone: database, migrations, `seed`; stopped again, so that others can
// begin `from` its folder.
export async function prepareSystem({ seed, ...options }) {
    const system = new System(options);
    try {
        await system.startBackends();
        await system.prepare();
        system.saveAccounts([]);
        await seed?.(system);
    } catch (error) {
        await system.stop();
        throw error;
    }
    const wrong = await system.stop();
    if (wrong.length) throw new Error(wrong.join('; '));
}

// Starts all of it; on a failure what was started is stopped. `seed(system)` runs before serve and
// `seedApi(system)` after it, both only in a folder that no earlier start finished. Options besides
// the parts' own: `disposable` (see pg_dev.mjs) and `from`, the folder that prepareSystem() left.
export async function startSystem({ seed, seedApi, ...options }) {
    const system = new System(options);
    try {
        await system.startBackends();
        await system.prepare();
        if (system.fresh && seed) await system.step('demo clinics', () => seed(system));
        await system.startOurs();
        if (system.fresh && seedApi) await system.step('demo data', () => seedApi(system));
        fs.writeFileSync(system.seededFile, '');
        return system;
    } catch (error) {
        await system.stop();
        throw error;
    }
}
