// Tokens that must not open anything: each attack on a JWT that the fakes' issuer can sign.
//
// Rule: the server here trusts that issuer, so a token it signed rightly is accepted; the test would
// notice a server that refuses all.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startFakes } from '../fakes/fakes.mjs';
import { Client } from '../lib/client.mjs';
import { startWorld } from '../lib/world.mjs';

let world;
let fakes;
before(async () => {
    fakes = await startFakes();
    world = await startWorld({ workers: 0 });
    await world.system.serve.stop();
    await world.system.startServe({
        NEXACORE_JWT_ISSUER: fakes.config.issuer,
        NEXACORE_JWT_AUDIENCE: fakes.config.audience,
        NEXACORE_JWT_JWKS_URL: `${fakes.config.issuer}.well-known/jwks.json`,
    });
});
after(async () => {
    await world?.stop();
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
    await new Promise((resolve) => setTimeout(resolve, 5000));
    assert.equal((await me(token)).status, 401);
    await world.sql('UPDATE users SET is_active = true WHERE id = $1', [userId]);
});

test('a key the issuer has just added is learned, tokens of the old one stay good', async () => {
    const old = mint('none-valid').token;
    fakes.control('rotate', { keys: 'both' });
    assert.equal((await me(old)).status, 200);
});
