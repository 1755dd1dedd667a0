// Jobs and Redis servers that are not right: each is named plainly, and nothing stands still.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { after, afterEach, before, test } from 'node:test';

import { BullWorld, cliPath, until } from './bullmq_world.mjs';

let world;
before(async () => (world = await BullWorld.open()));
afterEach(() => world.letGo());
after(() => world.close());

// Adds a job, spoils its hash, then one good job; the worker must get past the first.
async function spoiled(spoil) {
    const name = world.newName();
    const queue = world.queue(name);
    const bad = await queue.add('bad', { x: 1 }, { attempts: 3 });
    const redis = world.raw();
    await spoil(redis, `bull:${name}:${bad.id}`, name);
    const good = await queue.add('good', { result: 'fine' });
    const output = await world.cliDone('run', name, 2, 1, 'keep');
    assert.equal((await queue.getJob(good.id)).returnvalue, 'fine');
    return { output, state: await queue.getJobState(bad.id), reason: await redis.hget(`bull:${name}:${bad.id}`, 'failedReason') };
}

test('a job whose data is not JSON fails at once with that reason, whatever attempts it has', async () => {
    for (const data of ['{"x":', 'oops', '', '{"x":1}}', '\xff\xfe', '['.repeat(5000)]) {
        const { state, reason, output } = await spoiled((redis, key) => redis.hset(key, 'data', Buffer.from(data, 'latin1')));
        assert.equal(state, 'failed', data.slice(0, 20));
        assert.equal(reason, "the job's data is not JSON");
        assert.doesNotMatch(output, /begin 1 /);
    }
});

test('a job whose name, data or whole hash is gone fails with that reason', async () => {
    for (const spoil of [(redis, key) => redis.hdel(key, 'name'), (redis, key) => redis.hdel(key, 'data'), (redis, key) => redis.del(key)]) {
        const { state, reason } = await spoiled(spoil);
        assert.equal(state, 'failed');
        assert.equal(reason, "the job's name or data is no longer in Redis");
    }
});

test('options, stack traces and times that are nonsense do not stop a job', async () => {
    for (const [field, value] of [['opts', '{"attempts":'], ['opts', '[]'], ['opts', '{"attempts":"x","backoff":{"type":7},"removeOnComplete":"no"}'], ['stacktrace', 'not a list'],
        ['timestamp', 'long ago'], ['priority', '-1e9'], ['opts', '']]) {
        const { state } = await spoiled((redis, key) => redis.hset(key, field, value));
        assert.equal(state, 'completed', `${field} ${value}`);
    }
});

test('a scheduler whose pattern in the job is nonsense ends with a log line, its job is done', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    await queue.upsertJobScheduler('s', { every: 50 }, { name: 'tick' });
    const job = await until('its job is there', async () => (await queue.getJobs(['waiting', 'delayed']))[0]);
    await world.raw().hset(`bull:${name}:${job.id}`, 'opts', JSON.stringify({ ...job.opts, repeat: { pattern: '99 99 * * *', tz: '../../x' } }));
    const output = await world.cliDone('schedwork', name, 1, 1, 'keep');
    assert.match(output, /scheduler s ends: the minute of the cron pattern is not right/);
    assert.equal(await queue.getJobState(job.id), 'completed');
});

test('a job of 1 MiB crosses both ways unharmed', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const text = 'ñ€😀"\\\n'.repeat(80_000);
    const job = await queue.add('big', { result: text });
    await world.cliDone('run', name, 1, 1, 'keep');
    assert.equal((await queue.getJob(job.id)).returnvalue, text);
    const [id] = world.put(name, { name: 'big', data: { text } });
    assert.equal((await queue.getJob(id)).data.text, text);
});

test('a number too long for C and a NUL in a string are JSON all the same', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const redis = world.raw();
    for (const data of ['{"result":1,"n":123456789012345678901234567890}', '{"result":"a\\u0000b"}', '7', 'null', '"text"', ' {"result" : 1 } ']) {
        const job = await queue.add('odd', {});
        await redis.hset(`bull:${name}:${job.id}`, 'data', data);
        await world.cliDone('run', name, 1, 1, 'keep');
        assert.equal(await queue.getJobState(job.id), 'completed', data);
    }
});

test('ids with colons, spaces and signs from other producers are worked as they are', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    for (const jobId of ['repeat:x:1', 'with space', 'ñandú', '%s%n', "'; FLUSHALL", 'x'.repeat(2000)]) {
        const job = await queue.add('odd id', { result: jobId }, { jobId });
        await world.cliDone('run', name, 1, 1, 'keep');
        assert.equal((await queue.getJob(job.id)).returnvalue, jobId);
    }
});

test('an unknown name is the handler\'s to judge: it gets it as it is', async () => {
    const name = world.newName();
    const queue = world.queue(name);
    const job = await queue.add('no such thing ñ', {});
    assert.match(await world.cliDone('run', name, 1, 1, 'keep'), /1 completed/);
    assert.equal(await job.getState(), 'completed');
});

test('arguments that are not right are named, and nothing is done', () => {
    const wrong = [[['work', 'q', 1, 1, 'kep'], /"kep" is not "keep"/], [['add', 'q', 'many', 1], /"many" is not a number/], [['stalled', 'q', 0], /a sweep's interval is at least 1 ms/],
        [['sched', 'q', 0], /at least 1 ms/], [['prio', 'q', 2097152], /a priority is 0 to 2097151/], [['work', 'q', 1, 5000], /at most 256 slots/], [['nosuch', 'q'], /there is no mode nosuch/], [['add', 'a:b', 1, 1], /no ':'/],
        [['add', 'q'], /add needs two numbers, N and M/], [['add', 'q', 5], /add needs two numbers/], [['work', 'q'], /work needs two numbers/], [['work', 'q', 1, 'keep'], /work needs two numbers/],
        [['concurrency', 'q'], /concurrency needs a number N/], [['rate', 'q', 5], /rate needs a second number M/], [['stalled', 'q'], /needs a number N/], [['state', 'q'], /needs a number N/], [['add'], /Usage/], [['--nosuch'], /unrecognized option/]];
    for (const [args, words] of wrong) {
        const { status, stderr } = spawnSync(cliPath, ['--port', world.port, ...args].map(String), { encoding: 'utf8', timeout: 20_000 });
        assert.equal(status, 2, `${args}: ${stderr}`);
        assert.match(stderr, words);
    }
    for (const mode of ['pause', 'resume'])
        for (const numbers of [[], [0, 0], [1, 1]]) assert.equal(spawnSync(cliPath, ['--port', world.port, mode, 'q', ...numbers].map(String), { timeout: 20_000 }).status, 0, `${mode} ${numbers}`);
});

// ---- servers ----

const failing = async (on, ...args) => {
    const child = on.cli(...args);
    const { code } = await child.ended;
    assert.equal(code, 1, child.output);
    return child.output;
};

test('a Redis that evicts keys is named with its cure', async () => {
    const evicting = await BullWorld.open(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
    try {
        assert.match(await failing(evicting, 'check', 'q'), /allkeys-lru.*set maxmemory-policy noeviction/);
        const worker = evicting.cli('work', 'q', 1, 1);
        await until('the worker says so too', () => /drops keys when memory is short/.test(worker.output));
        await evicting.cliDone('add', 'q', 1, 1);
        await worker.ended;
    } finally {
        await evicting.close();
    }
});

test('a Redis that wants a password says so, a wrong one is told apart', async () => {
    const secret = await BullWorld.open(['--requirepass', 'pa:ss@w/ord']);
    try {
        assert.match(await failing(secret, 'add', 'q', 1, 1), /Redis wants a password and was given none/);
        const wrong = await failing(secret, 'add', 'q', 1, 1, { REDISCLI_AUTH: 'guess-7315' });
        assert.match(wrong, /Redis refuses the password/);
        assert.doesNotMatch(wrong, /7315/);
        secret.cliEnv = { REDISCLI_AUTH: 'pa:ss@w/ord' };
        assert.match(await secret.cliDone('check', 'q'), /fit for queues/);
        assert.match(await secret.cliDone('add', 'q', 1, 1), /add: 1 jobs/);
    } finally {
        await secret.close();
    }
});

test('a replica is named when asked and when written to', async () => {
    const replica = await BullWorld.open(['--replicaof', '127.0.0.1', String(world.port)]);
    try {
        assert.match(await failing(replica, 'check', 'q'), /is a replica and refuses writes; point the URL at its primary/);
        assert.match(await failing(replica, 'add', 'q', 1, 1), /this Redis is a replica and refuses writes/);
    } finally {
        await replica.close();
    }
});

test('a Redis without memory left says so, and takes jobs again when there is some', async () => {
    const full = await BullWorld.open(['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
    try {
        assert.match(await failing(full, 'add', 'q', 1, 1), /Redis is out of memory and refuses writes/);
        await full.raw().config('SET', 'maxmemory', '0');
        await full.cliDone('add', 'q', 1, 1);
    } finally {
        await full.letGo();
        await full.close();
    }
});

// Answers every command of a connection with what `answer` gives for its first word.
async function fakeRedis(answer, use) {
    const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (bytes) => {
            const words = bytes.toString().match(/\$\d+\r\n([A-Za-z]+)\r\n/g) ?? [];
            const word = words[0]?.split('\r\n')[1].toUpperCase();
            socket.write(answer(word));
        });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    try {
        await use(server.address().port);
    } finally {
        server.close();
    }
}

const bulk = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

test('a Redis that is too old is named with the version it must have', async () => {
    for (const version of ['5.0.14', '6.0.16', '3.2.1', 'x']) {
        const info = bulk(`# Server\r\nredis_version:${version}\r\nrole:master\r\nmaxmemory:0\r\n`);
        await fakeRedis((word) => (word === 'INFO' ? info : '+OK\r\n'), async (port) => {
            const child = world.cli('--port', port, 'check', 'q');
            const { code } = await child.ended;
            assert.equal(code, 1, child.output);
            assert.match(child.output, new RegExp(`Redis ${version.replaceAll('.', '\\.')} is too old for the queues; install 6\\.2 or newer`));
        });
    }
});

test('a server that speaks something else is refused in time and never crashes the producer', async () => {
    const answers = ['HTTP/1.1 400 Bad Request\r\n\r\n', '*-1\r\n', '$-1\r\n', '*3\r\n:1\r\n', ':-5\r\n', '$99999999999\r\n', '-ERR no\r\n', '\r\n', '+OK\r\n+OK\r\n+OK\r\n'];
    const calls = [['add', 'q', 1, 1], ['check', 'q'], ['counts', 'q'], ['failed', 'q'], ['stalled', 'q', 1]];
    const one = async (port, answer, args) => {
        const child = world.cli('--port', port, ...args);
        const { code, signal } = await child.ended;
        assert.equal(signal, null, `${JSON.stringify(answer)} ${args}: ${child.output}`);
        assert.ok(code === 0 || code === 1, `${JSON.stringify(answer)} ${args}: ${code} ${child.output}`);
    };
    const serve = (answer) => fakeRedis((word) => (word === 'PING' ? '+PONG\r\n' : answer), (port) => Promise.all(calls.map((args) => one(port, answer, args))));
    for (let i = 0; i < answers.length; i += 3) await Promise.all(answers.slice(i, i + 3).map(serve));
});

test('wrong arguments of bullmq_cli are said in one line, and what it did in jobs/s and CPU per job', async () => {
    const name = world.newName();
    const said = async (...args) => {
        const child = world.cli(...args);
        const { code, signal } = await child.ended;
        assert.equal(signal, null, `${args}: ${child.output}`);
        return [code, child.output.trim()];
    };
    const wrong = [
        [['nosuch', name], /there is no mode nosuch/], [['add', name, 'x', 1], /"x" is not a number/],
        [['add', name, '1e3', 1], /"1e3" is not a number/], [['add', name, '99999999999999999999', 1], /is not a number/],
        [['add', 'a:b', 1, 1], /no ':'/], [['add', '', 1, 1], /1 to 100 bytes/], [['add', 'q'.repeat(101), 1, 1], /1 to 100 bytes/],
        [['prio', name, 2097152], /priority is 0 to 2097151/], [['sched', name, 0], /at least 1 ms/],
        [['work', name, 1, 9999], /at most 256/], [['work', name, 1, 1, 'kep'], /"kep" is not "keep"/],
        [['work', name, 1, 1, 'keep', 7], /too many/], [['add'], /Usage/], [[], /Usage/], [['--port', 'abc', 'add', name, 1, 1], /port/i],
    ];
    for (const [args, words] of wrong) {
        const [code, output] = await said(...args);
        assert.equal(code, 2, `${args}: ${output}`);
        assert.match(output, words, `${args}`);
    }
    assert.deepEqual(await world.queue(name).getJobCounts('waiting', 'delayed', 'prioritized'), { waiting: 0, delayed: 0, prioritized: 0 });
    const figures = (mode) => new RegExp(`^${mode}: 5 jobs in [\\d.]+ s: \\d+ jobs/s, [\\d.]+ us CPU per job, [\\d.]+ MB RSS`, 'm');
    assert.match((await said('add', name, 5, 2))[1], figures('add'));
    assert.match((await said('work', name, 5, 2))[1], figures('work'));
});
