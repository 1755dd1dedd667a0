// Looks for strings that must be nowhere: card numbers and patients' names, as bytes, over all that
// the system stores, logs, queues or sends.
//
// Rule: a scan that finds nothing proves little unless it can find; scanWorld() plants a marker of
// its own in PostgreSQL, Redis and a file, and fails when it does not see it there.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';

// How a card number may be written: bare, in fours, Amex's 4-6-5, with blanks or dashes.
export function cardForms(pan) {
    const fours = pan.match(/.{1,4}/g);
    const amex = [pan.slice(0, 4), pan.slice(4, 10), pan.slice(10)];
    const groups = pan.length === 15 ? [fours, amex] : [fours];
    return [pan, ...groups.flatMap((g) => [' ', '-', '.', '\u00a0'].map((s) => g.join(s)))];
}

function* filesBelow(dir) {
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
        const path = join(dir, entry.name);
        if (entry.isDirectory()) yield* filesBelow(path);
        else if (entry.isFile()) yield path;
    }
}

function findInBytes(bytes, needles, where, found) {
    for (const needle of needles) if (bytes.includes(needle)) found.push({ where, needle });
}

// Files of a folder, each read whole; one that vanishes meanwhile is passed over.
export function scanFiles(dir, needles) {
    const found = [];
    if (!fs.existsSync(dir)) return found;
    for (const path of filesBelow(fs.realpathSync(dir))) {
        try {
            findInBytes(fs.readFileSync(path), needles, path, found);
        } catch (error) {
            if (error.code !== 'ENOENT') throw error;
        }
    }
    return found;
}

// Every row of every table as text, and bytea as hex: files hide values that are compressed.
export async function scanRows(pg, needles) {
    const found = [];
    const tables = await pg.query(
        'postgres',
        `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
    );
    for (const { name } of tables) {
        const rows = await pg.query(
            'postgres',
            `SELECT n FROM unnest($1::text[]) n WHERE EXISTS (SELECT FROM ${name} t
              WHERE strpos(t::text, n) > 0 OR strpos(t::text, encode(convert_to(n, 'UTF8'), 'hex')) > 0)`,
            [needles],
        );
        found.push(...rows.map((r) => ({ where: `table ${name}`, needle: r.n })));
    }
    return found;
}

async function redisBytes(redis, key) {
    const type = await redis.type(key);
    const parts = {
        string: () => [redis.getBuffer(key)],
        hash: () => [redis.callBuffer('HGETALL', key)],
        list: () => [redis.callBuffer('LRANGE', key, 0, -1)],
        set: () => [redis.callBuffer('SMEMBERS', key)],
        zset: () => [redis.callBuffer('ZRANGE', key, 0, -1)],
        stream: () => [redis.callBuffer('XRANGE', key, '-', '+')],
    }[type];
    const values = parts ? await Promise.all(parts()) : [];
    const flat = values.flat(Infinity).filter(Buffer.isBuffer);
    return Buffer.concat(flat.flatMap((b) => [b, Buffer.from('\n')]));
}

// Every key and value of Redis, decoded by type, and its files.
export async function scanRedis(system, needles) {
    const found = [];
    const redis = system.redis.client();
    let cursor = '0';
    do {
        const [next, keys] = await redis.scan(cursor, 'COUNT', 500);
        cursor = next;
        for (const key of keys) {
            findInBytes(Buffer.from(key), needles, `redis key ${key}`, found);
            findInBytes(await redisBytes(redis, key), needles, `redis ${key}`, found);
        }
    } while (cursor !== '0');
    redis.disconnect();
    return [...found, ...scanFiles(system.redis.dir, needles)];
}

// Plants `marker` where the scans look, so that a blind scan is noticed.
async function plant(system, marker) {
    await system.pg.query('postgres', `CREATE TABLE IF NOT EXISTS scan_marker (text text)`);
    await system.pg.query('postgres', `INSERT INTO scan_marker VALUES ($1)`, [marker]);
    await system.pg.query('postgres', 'CHECKPOINT');
    const redis = system.redis.client();
    await redis.hset('scan:marker', 'text', marker);
    redis.disconnect();
    fs.writeFileSync(join(system.logs, 'scan-marker.log'), marker);
}

async function unplant(system) {
    await system.pg.query('postgres', 'DROP TABLE scan_marker');
    const redis = system.redis.client();
    await redis.del('scan:marker');
    redis.disconnect();
    fs.rmSync(join(system.logs, 'scan-marker.log'));
}

// Searches everything for `needles`: [{where, needle}]. `listeners` are sockets whose transcripts
// count; `except` names parts left out ('sockets' when a name is looked for that admins may see).
export async function scanWorld(system, needles, { listeners = [], except = [] } = {}) {
    const marker = `marker-${crypto.randomUUID()}`;
    await plant(system, marker);
    const all = [...needles, marker];
    const found = [];
    const parts = {
        rows: () => scanRows(system.pg, all),
        postgres: () => scanFiles(system.pg.dir, all),
        redis: () => scanRedis(system, all),
        logs: () => scanFiles(system.logs, all),
        store: () => scanFiles(join(system.dir, 'store'), needles),
        state: () => scanFiles(join(system.dir, 'state'), needles),
    };
    for (const [name, scan] of Object.entries(parts)) {
        if (except.includes(name)) continue;
        const hits = await scan();
        const blind = !['store', 'state'].includes(name) && !hits.some((h) => h.needle === marker);
        if (blind) throw new Error(`the scan of ${name} did not see its own marker`);
        found.push(...hits.filter((h) => h.needle !== marker));
    }
    await unplant(system);
    const spoken = {
        fakes: JSON.stringify(system.fakes.calls()),
        sockets: JSON.stringify(listeners.map((l) => l.events)),
    };
    for (const [name, text] of Object.entries(spoken))
        if (!except.includes(name)) findInBytes(Buffer.from(text), needles, name, found);
    return found;
}
