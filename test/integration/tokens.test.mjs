// Tokens that must not open anything: each attack on a JWT that the fakes' issuer can sign.
//
// Rule: the server here trusts that issuer, so a token it signed rightly is accepted; the test would
// notice a server that refuses all.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { until } from '../../tools/lib/process.mjs';
import { startFakes } from '../fakes/fakes.mjs';
import { Client } from '../lib/client.mjs';
import { stopwatch } from '../lib/slowdown.mjs';
import { Listener } from '../lib/socket.mjs';
import { startWorld } from '../lib/world.mjs';

let world;
let fakes;
let keys;

// The issuer's key set by way of a server that can hang: it takes the question and says nothing.
async function startKeys(source) {
    const state = { hang: false, held: [] };
    const server = http.createServer(async (request, response) => {
        if (state.hang) return state.held.push(response);
        const answer = await fetch(source);
        return response.setHeader('content-type', 'application/json').end(await answer.text());
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    state.answer = async () => {
        const text = await (await fetch(source)).text();
        for (const response of state.held.splice(0)) response.setHeader('content-type', 'application/json').end(text);
    };
    state.url = `http://127.0.0.1:${server.address().port}/jwks.json`;
    state.stop = () => (server.closeAllConnections(), server.close());
    return state;
}

before(async () => {
    fakes = await startFakes();
    keys = await startKeys(`${fakes.config.issuer}.well-known/jwks.json`);
    world = await startWorld({ workers: 0 });
    await world.system.serve.stop();
    await world.system.startServe({
        NEXACORE_JWT_ISSUER: fakes.config.issuer,
        NEXACORE_JWT_AUDIENCE: fakes.config.audience,
        NEXACORE_JWT_JWKS_URL: keys.url,
    });
});
after(async () => {
    await world?.stop();
    keys?.stop();
    await fakes?.stop();
});

function mint(attack, changes = {}) {
    const { authId, clinicId, userId, role } = world.account('admin');
    const claims = { sub: authId, clinic_id: clinicId, user_id: userId, role, ...changes };
    return fakes.control('mint', { attack, claims });
}

const me = (token) => new Client(world.url, token).get('/api/v1/me');

test('every attack on a token is answered with 401, an honest token with 200', async () => {
    const { attacks } = fakes.control('mint', { attack: '?' });
    for (const attack of attacks) {
        const { token, expect } = mint(attack);
        // A header of more than 16 KiB is refused by its size before anybody looks at the token.
        const refused = token.length > 16_000 ? 431 : 401;
        const wanted = expect === 'accept' ? 200 : refused;
        const { status } = await me(token);
        assert.equal(status, wanted, attack);
    }
});

test('claims that do not match the users row are refused', async () => {
    for (const changes of [
        { role: 'CORPORATE_ADMIN' },
        { role: 'ROOT' },
        { clinic_id: world.account('admin-b').clinicId },
        { user_id: world.account('doctor').userId },
        { sub: 'demo|nobody' },
        { user_id: 'not-a-uuid' },
    ])
        assert.equal((await me(mint('none-valid', changes).token)).status, 401, JSON.stringify(changes));
});

test('a user who is deactivated is out within 5 s', async () => {
    const { authId, clinicId, userId, role } = world.account('doctor2');
    const claims = { sub: authId, clinic_id: clinicId, user_id: userId, role };
    const { token } = fakes.control('mint', { claims });
    assert.equal((await me(token)).status, 200);
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId]);
    const watch = stopwatch();
    await until(async () => (await me(token)).status === 401, 'refused');
    watch.within(5000, 'refusing');
    await world.sql('UPDATE users SET is_active = true WHERE id = $1', [userId]);
});

test('while the issuer hangs, tokens with an unknown key hold nobody up', async () => {
    const honest = mint('none-valid').token;
    assert.equal((await me(honest)).status, 200);
    await new Promise((resolve) => setTimeout(resolve, 5500)); // the issuer may be asked again
    keys.hang = true;
    try {
        const strangers = Array.from({ length: 64 }, () => mint('kid-unknown').token);
        const from = Date.now();
        let givenUp = false;
        const timed = async (token) => ({ status: (await me(token)).status, late: givenUp, ms: Date.now() - from });
        const unknown = strangers.map(timed);
        await until(() => keys.held.length > 0, 'the issuer asked', { every: 10 });
        keys.held[0].once('close', () => (givenUp = true));
        const fine = await Promise.all(Array.from({ length: 16 }, () => timed(honest)));
        assert.deepEqual(fine.filter((a) => a.status !== 200), []);
        const refused = await Promise.all(unknown);
        assert.deepEqual(refused.filter((a) => a.status !== 401), []);
        // The one who asks waits the 3 s for the issuer, and nobody else does.
        const late = [...refused, ...fine].filter((a) => a.late);
        assert.ok(late.length <= 1, `only the one who asks may wait: ${JSON.stringify(late)}`);
        assert.ok(refused.some((a) => a.ms > 2000), 'nobody waited for the issuer: the test tests nothing');
        assert.equal(keys.held.length, 1);
    } finally {
        keys.hang = false;
    }
});

test('sockets whose key is not known wait for the issuer, hold up nobody, and come in with the key', async () => {
    const listeners = [];
    const listen = (attack) => {
        const listener = new Listener(world.url, mint(attack).token, { transports: ['websocket'] });
        listeners.push(listener);
        return listener;
    };
    assert.equal((await me(mint('none-valid').token)).status, 200);
    keys.held.length = 0;
    keys.hang = true;
    try {
        // Those before the issuer may be asked again are refused at once; the last one waits.
        await until(() => listen('next-key') && keys.held.length > 0, 'the issuer asked', { every: 250 });
        const waiting = Array.from({ length: 40 }, () => listen('next-key'));
        const fine = Array.from({ length: 8 }, () => listen('none-valid'));
        await Promise.all(fine.map((l) => l.connected()));
        assert.deepEqual(waiting.filter((l) => l.socket.connected || l.errors.length), [], 'they are undecided');
        assert.equal(keys.held.length, 1);
        fakes.control('rotate', { keys: 'both' });
        await keys.answer();
        await Promise.all(waiting.map((l) => l.connected()));
    } finally {
        keys.hang = false;
        for (const listener of listeners) listener.close();
    }
    for (const attack of ['none-valid', 'next-key']) assert.equal((await me(mint(attack).token)).status, 200, attack);
});
