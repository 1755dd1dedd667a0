// The tables compiled into the program against what they speak of: SQL statements against a freshly
// migrated database, routes against openapi.yaml, both ways.
//
// Rule: the tables come from the binary (nexacore-tables), never from a copy kept by hand.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import pg from 'pg';

import { startPostgres } from '../../tools/pg_dev.mjs';
import { removeDir, root } from '../../tools/lib/system.mjs';
import { openapi } from '../lib/client.mjs';

const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
const tables = JSON.parse(execFileSync(join(build, 'nexacore-tables'), { encoding: 'utf8', maxBuffer: 1 << 24 }));

const home = fs.mkdtempSync(join(os.tmpdir(), 'nexacore-tables-'));
fs.chmodSync(home, 0o711);
let server;
let client;
before(async () => {
    server = await startPostgres({ dir: join(home, 'pg') });
    await server.createDatabase('nexacore');
    await server.migrate('nexacore', { binary: join(build, 'nexacore') });
    client = new pg.Client({ connectionString: server.url('nexacore_app') });
    await client.connect();
});
after(async () => {
    await client?.end();
    await server?.stop();
    removeDir(home);
});

test('every SQL statement of the program prepares against a fresh database', async () => {
    assert.ok(tables.statements.length > 20);
    const wrong = [];
    for (const { name, sql } of tables.statements)
        await client.query(`PREPARE "${name}" AS ${sql}`).catch((e) => wrong.push(`${name}: ${e.message}`));
    assert.deepEqual(wrong, []);
});

test('statement names are unique', () => {
    const names = tables.statements.map((s) => s.name);
    assert.deepEqual(names.filter((n, i) => names.indexOf(n) !== i), []);
});

test('every route of the API names its roles and its audit action, or is public', () => {
    const bare = tables.routes.filter((r) => r.path.startsWith('/api/') && (!r.roles.length || !r.audit));
    assert.deepEqual(bare, []);
});

const templateOf = (path) => path.replace(/:(\w+)/g, '{$1}');

test('every route is described in openapi.yaml', () => {
    const described = (r) => openapi.document.paths[templateOf(r.path)]?.[r.method.toLowerCase()];
    assert.deepEqual(tables.routes.filter((r) => !described(r)).map((r) => `${r.method} ${r.path}`), []);
});

test('everything described in openapi.yaml is a route', () => {
    const served = new Set(tables.routes.map((r) => `${r.method} ${templateOf(r.path)}`));
    served.add('GET /socket.io/').add('POST /socket.io/'); // the live channel adds its own
    const methods = ['get', 'post', 'put', 'patch', 'delete'];
    const described = Object.entries(openapi.document.paths).flatMap(([path, item]) =>
        methods.filter((m) => item[m]).map((m) => `${m.toUpperCase()} ${path}`),
    );
    assert.deepEqual(described.filter((d) => !served.has(d)), []);
});

test('openapi.yaml gives each route the roles and the audit action of the table', () => {
    const said = (r) => openapi.document.paths[templateOf(r.path)]?.[r.method.toLowerCase()];
    const both = tables.routes.filter(said).map((r) => ({ r, o: said(r) }));
    const wrong = both.filter(({ r, o }) =>
        o['x-roles'].join() !== r.roles.join() || r.public !== (o.security?.length === 0) ||
        (!r.public && o['x-audit'] !== r.audit));
    assert.deepEqual(wrong.map(({ r }) => `${r.method} ${r.path}`), []);
});

test('what openapi.yaml refers to is in it, and its examples are right', () => {
    const { document, ajv } = openapi;
    const wrong = [];
    const walk = (node, at) => {
        if (!node || typeof node !== 'object') return;
        if (node.$ref && !openapi.locate(node.$ref.slice(1)).at) wrong.push(`${at}: ${node.$ref}`);
        if (node.schema && 'example' in node) {
            const pointer = `${at}/schema`.split('/').map(encodeURIComponent).join('/');
            const check = ajv.compile({ $ref: `openapi#${pointer}` });
            if (!check(node.example)) wrong.push(`${at}: ${ajv.errorsText(check.errors)}`);
        }
        for (const [key, value] of Object.entries(node))
            walk(value, `${at}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`);
    };
    walk(document, '');
    assert.deepEqual(wrong, []);
});
