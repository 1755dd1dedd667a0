// The demo's issuer: the page's own flow (code with PKCE) and the tools' token, as a client sees them.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';

import { startIssuer } from '../../tools/oidc.mjs';

const ORIGIN = 'http://127.0.0.1:8080';
const doctor = {
    login: 'doctor',
    password: 'demo-doctor',
    name: 'Dra. Prueba',
    role: 'DOCTOR',
    authId: 'demo|doctor',
    clinicId: '018f0000-0000-7000-8000-000000000001',
    userId: '018f0000-0000-7000-8000-000000000002',
    clinicName: 'Clínica Prueba',
};
let issuer;
before(async () => (issuer = await startIssuer({ accounts: [doctor], webOrigins: () => [ORIGIN] })));
after(() => issuer.stop());

async function verified(token) {
    const [head, payload, signature] = token.split('.');
    const { keys } = await (await fetch(issuer.jwksUrl)).json();
    const header = JSON.parse(Buffer.from(head, 'base64url'));
    const key = crypto.createPublicKey({ key: keys.find((k) => k.kid === header.kid), format: 'jwk' });
    const signed = Buffer.from(`${head}.${payload}`);
    assert.equal(header.alg, 'RS256');
    assert.ok(crypto.verify('sha256', signed, key, Buffer.from(signature, 'base64url')));
    return JSON.parse(Buffer.from(payload, 'base64url'));
}

function checkClaims(claims) {
    assert.equal(claims.iss, issuer.url);
    assert.equal(claims.aud, 'https://api.nexacore.local');
    assert.equal(claims.sub, doctor.authId);
    assert.equal(claims.clinic_id, doctor.clinicId);
    assert.equal(claims.user_id, doctor.userId);
    assert.equal(claims.role, 'DOCTOR');
}

// Follows one redirect, keeping cookies as a browser does.
class Browser {
    cookies = new Map();

    async go(url, options = {}) {
        const cookie = [...this.cookies].map(([k, v]) => `${k}=${v}`).join('; ');
        const response = await fetch(new URL(url, issuer.url), {
            redirect: 'manual',
            ...options,
            headers: { cookie, ...options.headers },
        });
        for (const line of response.headers.getSetCookie()) {
            const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
            this.cookies.set(name, value);
        }
        return response;
    }
}

test('a tool gets an access token that says who and where', async () => {
    checkClaims(await verified(await issuer.token('doctor')));
});

test('a token can be made to expire soon', async () => {
    const claims = await verified(await issuer.token('doctor', { expiresIn: 5 }));
    assert.equal(claims.exp - claims.iat, 5);
});

test('a wrong password gives no token', async () => {
    const form = { grant_type: 'password', client_id: 'nexacore-tools', username: 'doctor', password: 'x' };
    const response = await fetch(`${issuer.url}/token`, { method: 'POST', body: new URLSearchParams(form) });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error, 'invalid_grant');
});

test('the page signs in with a code and PKCE, and its token is for the API', async () => {
    const verifier = crypto.randomBytes(32).toString('base64url');
    const browser = new Browser();
    const query = new URLSearchParams({
        client_id: 'nexacore-web',
        response_type: 'code',
        redirect_uri: `${ORIGIN}/callback`,
        scope: 'openid profile',
        state: 's1',
        code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
    });
    const start = await browser.go(`/auth?${query}`);
    const page = await browser.go(start.headers.get('location'), { headers: { 'accept-language': 'en' } });
    assert.match(await page.text(), /Sign in/);

    const wrong = await browser.go(start.headers.get('location'), {
        method: 'POST',
        body: new URLSearchParams({ login: 'doctor', password: 'nope' }),
    });
    assert.equal(wrong.status, 401);

    const signedIn = await browser.go(start.headers.get('location'), {
        method: 'POST',
        body: new URLSearchParams({ login: doctor.login, password: doctor.password }),
    });
    const back = await browser.go(signedIn.headers.get('location'));
    const target = new URL(back.headers.get('location'));
    assert.equal(target.origin + target.pathname, `${ORIGIN}/callback`);

    const tokens = await fetch(`${issuer.url}/token`, {
        method: 'POST',
        headers: { origin: ORIGIN },
        body: new URLSearchParams({
            grant_type: 'authorization_code',
            client_id: 'nexacore-web',
            code: target.searchParams.get('code'),
            redirect_uri: `${ORIGIN}/callback`,
            code_verifier: verifier,
        }),
    });
    assert.equal(tokens.headers.get('access-control-allow-origin'), ORIGIN);
    const body = await tokens.json();
    checkClaims(await verified(body.access_token));
    assert.equal((await verified(body.id_token)).role, 'DOCTOR');
});
