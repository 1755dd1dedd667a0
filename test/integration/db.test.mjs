// The database against attack: db/tests/*.sql, `nexacore migrate`, and the start-up guard, on a
// real PostgreSQL.
//
// Rule: a test is a sentence of a .sql file ("-- test: ...", "-- as: ROLE"); it runs in a
// transaction of its own, connected as that role, and is rolled back.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { migrateWithoutBinary, startPostgres } from '../../tools/pg_dev.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const probe = join(resolve(root, process.env.NEXACORE_BUILD ?? 'build-test'), 'src/ops/ops_probe');
const sqlTests = join(root, 'db/tests');
const newest = readdirSync(join(root, 'db/migrations')).filter((f) => f.endsWith('.sql')).length;

let server;

before(async () => {
    server = await startPostgres();
});
after(() => server?.stop());

// ---- helpers ------------------------------------------------------------------------------------
function sentences(file) {
    const text = readFileSync(join(sqlTests, file), 'utf8');
    return text.split(/^-- test: /m).slice(1).map((part) => {
        const name = part.split('\n', 1)[0];
        const as = part.match(/^-- as: (\w+)$/m)?.[1];
        assert.ok(as, `${file}: "${name}" does not say as whom`);
        return { name, as, sql: part.slice(name.length) };
    });
}

async function connected(role, database, use) {
    const client = new pg.Client({ connectionString: server.url(role, database) });
    await client.connect();
    try {
        return await use(client);
    } finally {
        await client.end();
    }
}

function probed(args, url) {
    return new Promise((done, failed) => {
        const child = spawn(probe, args, { env: { ...process.env, NEXACORE_DATABASE_URL: url } });
        let out = '';
        let err = '';
        child.stdout.on('data', (d) => (out += d));
        child.stderr.on('data', (d) => (err += d));
        child.once('error', failed).once('close', (code) => done({ code, out, err }));
    });
}

const migrate = (database, role = 'postgres') => probed(['migrate'], server.url(role, database));
const guard = (database, role = 'nexacore_app') => probed(['guard'], server.url(role, database));
const superuser = (database, sql, params) => server.query('postgres', sql, params, database);

async function migrated(name) {
    await server.createDatabase(name);
    await migrateWithoutBinary(server.url('postgres', name));
}

// ---- the sentences ------------------------------------------------------------------------------
describe('SQL', () => {
    before(async () => {
        await migrated('sentences');
        await superuser('sentences', readFileSync(join(sqlTests, '00_fixture.sql'), 'utf8'));
    });
    for (const file of readdirSync(sqlTests).filter((f) => f !== '00_fixture.sql').sort()) {
        for (const { name, as, sql } of sentences(file)) {
            test(`${file}: ${name}`, () => connected(as, 'sentences', async (client) => {
                await client.query('BEGIN');
                await client.query(sql);
                await client.query('ROLLBACK');
            }));
        }
    }

    test('an assertion that does not hold fails its test', () =>
        connected('nexacore_app', 'sentences', async (client) => {
            const wrong = ["SELECT t.ok(1 = 2, 'x')", "SELECT t.rows(1, 'SELECT FROM patients')",
                "SELECT t.fails('42501', 'SELECT 1')", "SELECT t.fails('42501', 'SELECT 1/0')"];
            for (const sql of wrong) await assert.rejects(client.query(sql), { code: 'P0001' }, sql);
        }));

    test('a context ends with its transaction', () =>
        connected('nexacore_app', 'sentences', async (client) => {
            await client.query('BEGIN; SELECT t.act(t.a())');
            assert.equal((await client.query('SELECT id FROM patients')).rowCount, 1);
            await client.query('COMMIT');
            assert.equal((await client.query('SELECT id FROM patients')).rowCount, 0);
            await client.query("BEGIN; SELECT set_config('role', 'nexacore_corporate', true); COMMIT");
            const { rows } = await client.query('SELECT current_user AS me');
            assert.equal(rows[0].me, 'nexacore_app');
        }));
});

// ---- outbox -------------------------------------------------------------------------------------
describe('outbox', () => {
    const clinic = '00000000-0000-7000-8000-0000000000aa';
    const say = (name) => `INSERT INTO outbox (clinic_id, kind, name) VALUES ('${clinic}', 'event', '${name}')`;
    const act = `BEGIN; SELECT set_config('app.current_clinic_id', '${clinic}', true);`;
    before(async () => {
        await migrated('outbox');
        await superuser('outbox', `INSERT INTO clinics (id, name, country) VALUES ('${clinic}', 'A', 'CO')`);
    });

    test('numbers follow the order of commits, not of inserts, and nobody waits for an open one', () =>
        connected('nexacore_app', 'outbox', (slow) => connected('nexacore_app', 'outbox', async (quick) => {
            await slow.query(`${act} ${say('slow')}`);
            await quick.query(`${act} ${say('quick')}; COMMIT`); // does not wait
            await slow.query('COMMIT');
            const rows = await superuser('outbox', 'SELECT name, id, clinic_seq FROM outbox ORDER BY clinic_seq');
            assert.deepEqual(rows.map((r) => r.name), ['quick', 'slow']);
            assert.ok(Number(rows[0].id) > Number(rows[1].id));
        })));

    test('numbers have no gap when transactions roll back or run at once', async () => {
        await superuser('outbox', 'DELETE FROM outbox; UPDATE outbox_counters SET last_seq = 0');
        const lane = (n) => connected('nexacore_app', 'outbox', async (client) => {
            for (let i = 0; i < 20; i++) {
                await client.query(`${act} ${say(`${n}-${i}`)}; ${say('more')}`);
                await client.query(i % 3 ? 'COMMIT' : 'ROLLBACK');
            }
        });
        await Promise.all([lane(1), lane(2), lane(3), lane(4)]);
        const [{ n, low, high }] = await superuser('outbox',
            'SELECT count(*) AS n, min(clinic_seq) AS low, max(clinic_seq) AS high FROM outbox');
        assert.deepEqual([n, low, high], ['104', '1', '104']);
    });

    test('what users heard is forgotten after 10000 events and named for 50, what roles heard always', async () => {
        await superuser('outbox', 'DELETE FROM outbox; DELETE FROM outbox_counters');
        const tell = (number, ...rooms) => superuser('outbox', `UPDATE outbox_counters SET last_seq = ${number - 1}; ${act}
            INSERT INTO outbox (clinic_id, kind, name, rooms) VALUES ('${clinic}', 'event', 'e', '{${rooms.join()}}'); COMMIT`);
        const prev = async () => (await superuser('outbox', 'SELECT prev FROM outbox ORDER BY clinic_seq DESC LIMIT 1'))[0].prev;
        const heard = async () => (await superuser('outbox', 'SELECT heard FROM outbox_counters'))[0].heard;
        await tell(1, 'u:old', 'c:DOCTOR');
        await tell(2, 'u:new');
        assert.deepEqual(await prev(), { 'u:old': 1, 'c:DOCTOR': 1 });
        await tell(52, 'c:ADMIN'); // 51 after the old one, 50 after the new one
        assert.deepEqual(await prev(), { 'u:new': 2, 'c:DOCTOR': 1 });
        await tell(90, 'u:old'); // its own, however long ago
        assert.deepEqual(await prev(), { 'u:old': 1, 'c:DOCTOR': 1, 'c:ADMIN': 52 });
        assert.deepEqual(await heard(), { 'u:old': 90, 'u:new': 2, 'c:DOCTOR': 1, 'c:ADMIN': 52 });
        await tell(10_002, 'c:ADMIN');
        assert.deepEqual(await heard(), { 'u:old': 90, 'u:new': 2, 'c:DOCTOR': 1, 'c:ADMIN': 10_002 });
        await tell(10_003, 'c:ADMIN'); // 10001 after the new one
        assert.deepEqual(await heard(), { 'u:old': 90, 'c:DOCTOR': 1, 'c:ADMIN': 10_003 });
    });

    test('a commit wakes the relay, a rollback does not', () =>
        connected('nexacore_app', 'outbox', (relay) => connected('nexacore_app', 'outbox', async (client) => {
            const heard = [];
            relay.on('notification', (n) => heard.push(n.channel));
            await relay.query('LISTEN nexacore_outbox');
            await client.query(`${act} ${say('x')}; ROLLBACK`);
            await relay.query('SELECT 1');
            assert.deepEqual(heard, []);
            await client.query(`${act} ${say('x')}; ${say('y')}; COMMIT`);
            await relay.query('SELECT 1');
            assert.deepEqual(heard, ['nexacore_outbox']);
        })));
});

// ---- plans --------------------------------------------------------------------------------------
describe('plans on a filled table', () => {
    const clinics = 40;
    before(async () => {
        await migrated('plans');
        await superuser('plans', `
            INSERT INTO clinics (id, name, country)
                SELECT md5('c' || i)::uuid, i::text, 'CO' FROM generate_series(1, ${clinics}) i;
            INSERT INTO patients (clinic_id, full_name, phi_key_version, name_index, status, urgency_level,
                                  arrived_at, attended_at, discharged_at)
                SELECT md5('c' || 1 + i % ${clinics})::uuid, 'x', 1, md5(i::text),
                       CASE WHEN i % 20 = 0 THEN 'WAITING' WHEN i % 20 = 1 THEN 'BEING_ATTENDED' ELSE 'DISCHARGED' END,
                       (ARRAY['LOW', 'MODERATE', 'URGENT', 'CRITICAL', NULL])[1 + i % 5],
                       now() - i * interval '1 minute', now(), CASE WHEN i % 20 > 1 THEN now() END
                FROM generate_series(1, 40000) i;
            INSERT INTO patient_name_tokens SELECT clinic_id, name_index, id FROM patients;
            INSERT INTO alerts (clinic_id, patient_id, urgency_level, status, created_at, closed_at)
                SELECT clinic_id, id, 'URGENT', CASE WHEN n % 50 = 0 THEN 'PENDING' ELSE 'CLOSED' END, now(),
                       CASE WHEN n % 50 = 0 THEN NULL ELSE now() END
                FROM (SELECT *, row_number() OVER () AS n FROM patients LIMIT 10000) p;
            ANALYZE`);
    });

    function nodes(plan) {
        return [plan, ...(plan.Plans ?? []).flatMap(nodes)];
    }
    const explain = (sql) => connected('nexacore_app', 'plans', async (client) => {
        await client.query(`BEGIN; SELECT set_config('app.current_clinic_id', md5('c7')::uuid::text, true)`);
        const { rows } = await client.query(`EXPLAIN (FORMAT JSON, ANALYZE) ${sql}`);
        return nodes(rows[0]['QUERY PLAN'][0].Plan);
    });
    const here = `clinic_id = md5('c7')::uuid`;
    const expected = [
        ['the policy alone', 'SELECT count(*) FROM patients', /^patients_/],
        ['the board', `SELECT id FROM patients WHERE ${here} AND status = 'WAITING' ORDER BY urgency_rank DESC, arrived_at, id LIMIT 50`, /^patients_waiting$/],
        ['one patient', `SELECT full_name FROM patients WHERE ${here} AND id = md5('p')::uuid`, /^patients_/],
        ['a search by name', `SELECT id FROM patients WHERE ${here} AND name_index = md5('46')`, /^patients_by_name$/],
        ['a search by a word of a name', `SELECT patient_id FROM patient_name_tokens WHERE ${here} AND token = md5('46')`, /^patient_name_tokens_pkey$/],
        ['counts by status', `SELECT status, count(*) FROM patients WHERE ${here} GROUP BY status`, /^patients_/],
        ['arrivals of today', `SELECT count(*) FROM patients WHERE ${here} AND arrived_at >= now() - interval '1 day'`, /^patients_by_/],
        ['active alerts', `SELECT id FROM alerts WHERE ${here} AND status <> 'CLOSED' ORDER BY urgency_rank DESC, created_at, id LIMIT 50`, /^alerts_open$/],
    ];
    for (const [what, sql, index] of expected) {
        test(`${what} is answered from an index`, async () => {
            const plan = await explain(sql);
            assert.ok(plan.some((n) => index.test(n['Index Name'] ?? '')), JSON.stringify(plan, null, 1));
            assert.ok(!plan.some((n) => n['Node Type'] === 'Seq Scan'), 'a sequential scan');
        });
    }
});

// ---- nexacore migrate ---------------------------------------------------------------------------
describe('migrate', () => {
    test('applies everything once, then nothing', async () => {
        await server.createDatabase('once');
        const first = await migrate('once');
        assert.equal(first.code, 0, first.err);
        assert.match(first.out, new RegExp(`^${newest} applied, the schema is at version ${newest}$`, 'm'));
        const second = await migrate('once');
        assert.equal(second.out, `0 applied, the schema is at version ${newest}\n`);
        assert.equal((await probed(['migrate', '--check'], server.url('nexacore_app', 'once'))).code, 0);
    });

    test('runs at once from several machines apply each file once', async () => {
        await server.createDatabase('several');
        const runs = await Promise.all([1, 2, 3, 4].map(() => migrate('several')));
        assert.deepEqual(runs.map((r) => r.code), [0, 0, 0, 0], JSON.stringify(runs));
        const total = runs.reduce((sum, r) => sum + Number(r.out.match(/^(\d+) applied/m)[1]), 0);
        assert.equal(total, newest);
    });

    test('everything belongs to nexacore_owner, who can migrate the next database alone', async () => {
        await server.createDatabase('owner');
        const run = await migrate('owner', 'nexacore_owner');
        assert.equal(run.code, 0, run.err);
        const strangers = await superuser('owner', `
            SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relowner <> 'nexacore_owner'::regrole AND relkind IN ('r', 'p', 'S')`);
        assert.deepEqual(strangers, []);
    });

    test('a role with CREATEROLE that owns the database can do the first run of a cluster', async () => {
        const other = await startPostgres();
        try {
            const url = `postgres://installer:i@127.0.0.1:${other.port}/first`;
            for (const sql of ['DROP ROLE nexacore_owner', 'DROP ROLE nexacore_app', 'DROP ROLE nexacore_audit_reader',
                "CREATE ROLE installer LOGIN CREATEROLE PASSWORD 'i'", 'CREATE DATABASE first OWNER installer']) {
                await other.query('postgres', sql, [], 'postgres');
            }
            const run = await probed(['migrate'], url);
            assert.equal(run.code, 0, run.err);
            const again = await probed(['migrate'], url);
            assert.equal(again.code, 0, again.err);
            assert.match(again.out, /^0 applied/);
        } finally {
            await other.stop();
        }
    });

    test('the application may not migrate, and is told who may', async () => {
        await migrated('refused');
        const run = await migrate('refused', 'nexacore_app');
        assert.equal(run.code, 1);
        assert.match(run.err, /nexacore_app may not migrate: connect as nexacore_owner/);
    });

    test('a changed file is refused and named', async () => {
        await migrated('changed');
        await superuser('changed', "UPDATE schema_migrations SET sha256 = repeat('0', 64) WHERE version = 4");
        const run = await migrate('changed');
        assert.equal(run.code, 1);
        assert.match(run.err, /migration 0004_patients was changed after it was applied/);
    });

    test('a database newer than the binary is refused', async () => {
        await migrated('newer');
        await superuser('newer', "INSERT INTO schema_migrations VALUES ($1, 'later', repeat('0', 64))", [newest + 1]);
        const run = await migrate('newer');
        assert.equal(run.code, 1);
        assert.match(run.err, /use the newer binary/);
    });

    test('a file that fails leaves nothing of itself and is named; the next run continues', async () => {
        await server.createDatabase('half');
        await superuser('half', 'CREATE TABLE public.alerts (stranger int)');
        const run = await migrate('half');
        assert.equal(run.code, 1);
        assert.match(run.err, /migration 0006_alerts failed \(42P07\)/);
        const [{ v }] = await superuser('half', 'SELECT max(version) AS v FROM schema_migrations');
        assert.equal(v, 5);
        await superuser('half', 'DROP TABLE public.alerts');
        const next = await migrate('half');
        assert.match(next.out, new RegExp(`^${newest - 5} applied`, 'm'));
    });

    test('a missing or malformed URL is one line and exit 2', async () => {
        for (const url of ['', 'nonsense']) {
            const run = await probed(['migrate'], url);
            assert.equal(run.code, 2, JSON.stringify(run));
            assert.match(run.err, /^[^\n]*NEXACORE_DATABASE_URL[^\n]*\n$/);
        }
    });
});

// ---- the guard ----------------------------------------------------------------------------------
describe('guard', () => {
    before(() => migrated('guarded'));
    const refuses = async (setup, undo, expected, role) => {
        await superuser('guarded', setup);
        try {
            const run = await guard('guarded', role);
            assert.equal(run.code, 1, `${setup} was accepted`);
            assert.match(run.err, expected);
        } finally {
            await superuser('guarded', undo);
        }
    };

    test('a migrated database and the application role are accepted', async () => {
        const run = await guard('guarded');
        assert.deepEqual(run, { code: 0, out: '', err: '' });
    });
    test('a superuser is refused', () =>
        refuses('SELECT 1', 'SELECT 1', /role postgres is a superuser/, 'postgres'));
    test('a role that bypasses row security is refused', () =>
        refuses('ALTER ROLE nexacore_app BYPASSRLS', 'ALTER ROLE nexacore_app NOBYPASSRLS', /may bypass row security/));
    test('the owner of the tables is refused', () =>
        refuses('SELECT 1', 'SELECT 1', /nexacore_owner (owns the table|may become)/, 'nexacore_owner'));
    test('a role that may become the owner is refused', () =>
        refuses('GRANT nexacore_owner TO nexacore_app WITH INHERIT FALSE', 'REVOKE nexacore_owner FROM nexacore_app',
            /nexacore_app may become nexacore_owner: REVOKE nexacore_owner FROM nexacore_app/));
    test('a role that inherits corporate is refused', () =>
        refuses('GRANT nexacore_corporate TO nexacore_app WITH INHERIT TRUE', 'GRANT nexacore_corporate TO nexacore_app WITH INHERIT FALSE, SET TRUE',
            /inherits the policies of nexacore_corporate/));
    test('a role that cannot switch to the relay is refused', () =>
        refuses('REVOKE nexacore_relay FROM nexacore_app', 'GRANT nexacore_relay TO nexacore_app WITH INHERIT FALSE, SET TRUE',
            /cannot switch to nexacore_relay/));
    test('a table with clinic_id but no row security is refused and named', () =>
        refuses('CREATE TABLE forgotten (clinic_id uuid)', 'DROP TABLE forgotten', /table forgotten lacks ENABLE ROW LEVEL SECURITY: ALTER TABLE forgotten/));
    test('so is one in another schema', () =>
        refuses('CREATE SCHEMA s; CREATE TABLE s.forgotten (clinic_id uuid)', 'DROP SCHEMA s CASCADE', /table s\.forgotten lacks/));
    test('row security without FORCE is refused', () =>
        refuses('ALTER TABLE alerts NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE alerts FORCE ROW LEVEL SECURITY', /table alerts lacks FORCE/));
    test('a table without a policy is refused', () =>
        refuses('CREATE TABLE bare (clinic_id uuid); ALTER TABLE bare ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', 'DROP TABLE bare', /table bare has no policy/));
    test('a policy for everybody that does not ask for the clinic is refused', () =>
        refuses('CREATE POLICY wide ON patients FOR SELECT USING (true)', 'DROP POLICY wide ON patients', /policy wide on patients does not ask for the clinic/));
    test('an audit log whose trigger is off is refused', () =>
        refuses('ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_append_only', 'ALTER TABLE audit_logs ENABLE TRIGGER audit_logs_append_only', /audit_logs lacks its append-only trigger/));
    test('a role that may change the audit log is refused', () =>
        refuses('GRANT DELETE ON audit_logs TO nexacore_app', 'REVOKE DELETE ON audit_logs FROM nexacore_app', /nexacore_app may change audit_logs/));
    test('a schema that is not the one of the binary is refused', () =>
        refuses(`DELETE FROM schema_migrations WHERE version = ${newest}`,
            `INSERT INTO schema_migrations SELECT ${newest}, 'http', '${'0'.repeat(64)}'`, /run `nexacore migrate`/));
    test('an empty database is refused', async () => {
        await server.createDatabase('empty');
        const run = await guard('empty');
        assert.equal(run.code, 1);
        assert.match(run.err, /at migration 0, .* run `nexacore migrate`/);
    });
});
