// An Auth0-like issuer for attacks on token checking: its keys are known, so it can sign anything.
//
// Rule: mint() names what it did to the token and whether a verifier may accept it. The demo and the
// ordinary tests sign in at the real OIDC provider (tools/oidc.mjs) instead.
import crypto from 'node:crypto';

import { no, ok, randomHex } from './state.mjs';

export const codes = {};
export const error = (status, message, code) => [status, { error: code, error_description: message }];

const base64url = (data) => Buffer.from(data).toString('base64url');
const hmac = (key, data) => crypto.createHmac('sha256', key).update(data).digest();
const newKey = () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });

function jwk(key, kid) {
    return { ...key.publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

export class Issuer {
    constructor(config) {
        this.config = config;
        this.reset();
    }

    // Made when they are first wanted: most tests have another issuer, and a key takes a while.
    get known() {
        return (this.first ??= newKey());
    }

    get other() {
        return (this.second ??= newKey());
    }

    get keys() {
        return (this.published ??= [jwk(this.known, 'k1')]);
    }

    set keys(keys) {
        this.published = keys;
    }

    reset() {
        this.published = null;
    }

    rotate(to) {
        if (to === 'both') this.keys = [jwk(this.known, 'k1'), jwk(this.other, 'k2')];
        else if (to === 'none') this.keys = [];
        else this.keys = [jwk(this.other, 'k2')];
        return { keys: this.keys.map((k) => k.kid) };
    }

    handle(call) {
        const { issuer } = this.config;
        if (call.path === '/.well-known/jwks.json') return ok(200, { keys: this.keys });
        if (call.path === '/.well-known/openid-configuration')
            return ok(200, { issuer, jwks_uri: `${issuer}.well-known/jwks.json` });
        return no(error(404, 'no', 'not_found'), 'path');
    }

    // {claims?, attack?} -> {token, expect}; an unknown attack gives the list of names.
    mint({ claims = {}, attack = 'none-valid' }) {
        const now = Math.floor(Date.now() / 1000);
        const token = {
            now,
            key: this.known.privateKey,
            header: { alg: 'RS256', typ: 'JWT', kid: 'k1' },
            payload: {
                iss: this.config.issuer,
                aud: this.config.audience,
                sub: 'auth0|u',
                iat: now,
                exp: now + 600,
                ...claims,
            },
        };
        if (!Object.hasOwn(ATTACKS, attack)) return { attacks: Object.keys(ATTACKS) };
        ATTACKS[attack](token, this);
        const payload = token.raw ?? JSON.stringify(token.payload);
        const signed = `${base64url(JSON.stringify(token.header))}.${base64url(payload)}`;
        const signature = token.sign
            ? token.sign(signed)
            : crypto.sign('sha256', Buffer.from(signed), token.key);
        const expect = ACCEPTED.includes(attack) ? 'accept' : 'reject';
        return { token: `${signed}.${base64url(signature)}`, expect };
    }
}

const ACCEPTED = ['none-valid', 'aud-array-ok'];

function symmetric(token, key, header = {}) {
    Object.assign(token.header, { alg: 'HS256' }, header);
    token.sign = (data) => hmac(key, data);
}

function foreignKey(token, issuer, header) {
    token.key = issuer.other.privateKey;
    Object.assign(token.header, header);
}

function unsigned(token) {
    token.sign = () => '';
}

const ATTACKS = {
    'none-valid': () => {},
    'aud-array-ok': (t, i) => (t.payload.aud = ['x', i.config.audience]),
    'alg-none': (t) => ((t.header.alg = 'none'), unsigned(t)),
    'alg-None': (t) => ((t.header.alg = 'NoNe'), unsigned(t)),
    'hs256-with-public-pem': (t, i) => symmetric(t, i.known.publicKey.export({ type: 'spki', format: 'pem' })),
    'hs256-with-modulus': (t, i) =>
        symmetric(t, Buffer.from(i.known.publicKey.export({ format: 'jwk' }).n, 'base64url')),
    'hs256-empty-key': (t) => symmetric(t, ''),
    'wrong-key': (t, i) => foreignKey(t, i, {}),
    'next-key': (t, i) => foreignKey(t, i, { kid: 'k2' }), // good once it is in the set: see rotate()
    'embedded-jwk': (t, i) => {
        foreignKey(t, i, { jwk: jwk(i.other, 'evil') });
        delete t.header.kid;
    },
    jku: (t, i) => foreignKey(t, i, { jku: `${i.config.issuer}evil/jwks.json`, kid: 'evil' }),
    x5u: (t, i) => foreignKey(t, i, { x5u: 'http://169.254.169.254/latest/meta-data/', kid: 'evil' }),
    'kid-traversal': (t) => symmetric(t, '', { kid: '../../../../dev/null' }),
    'kid-sql': (t) => (t.header.kid = "k1' UNION SELECT 'x'-- "),
    'kid-unknown': (t) => (t.header.kid = randomHex(8)),
    'kid-huge': (t) => (t.header.kid = 'k'.repeat(1 << 16)),
    crit: (t) => Object.assign(t.header, { crit: ['b64'], b64: false }),
    expired: (t) => (t.payload.exp = t.now - 120),
    'no-exp': (t) => delete t.payload.exp,
    'exp-string': (t) => (t.payload.exp = String(t.now + 600)),
    'exp-1e308': (t) => (t.payload.exp = 1e308),
    'nbf-future': (t) => (t.payload.nbf = t.now + 3600),
    'iat-future': (t) => (t.payload.iat = t.now + 86400),
    'wrong-iss': (t) => (t.payload.iss = 'https://evil/'),
    'iss-prefix': (t, i) => (t.payload.iss = `${i.config.issuer}.evil.com`),
    'wrong-aud': (t) => (t.payload.aud = 'other'),
    'no-aud': (t) => delete t.payload.aud,
    'sig-stripped': unsigned,
    'sig-flip': (t) => {
        t.sign = (data) => {
            const signature = crypto.sign('sha256', Buffer.from(data), t.key);
            signature[5] ^= 1;
            return signature;
        };
    },
    'dup-claim': (t, i) => {
        const { clinic_id: clinic, user_id: user, sub } = t.payload;
        const twice = '"role":"DOCTOR","role":"CORPORATE_ADMIN"';
        const rest = JSON.stringify({ clinic_id: clinic, user_id: user, sub, aud: i.config.audience });
        t.raw = `{"iss":"${i.config.issuer}","exp":${t.now + 600},${twice},${rest.slice(1)}`;
    },
    'deep-json': (t) => (t.raw = '['.repeat(50_000)),
    pss: (t) => {
        t.header.alg = 'PS256';
        const padding = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
        t.sign = (data) => crypto.sign('sha256', Buffer.from(data), { key: t.key, ...padding });
    },
};
