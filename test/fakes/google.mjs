// Google's OAuth token endpoint for service accounts (RFC 7523): an assertion for an access token.
//
// Rule: with a known public key the signature is checked; without one, the claims alone.
import crypto from 'node:crypto';

import { no, ok } from './state.mjs';

export const codes = { 400: 'invalid_grant', 500: 'internal_failure' };
export const error = (status, message, code) => [status, { error: code, error_description: message }];

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

function signatureIsRight(parts, publicKey) {
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    return crypto.verify('sha256', signed, publicKey, Buffer.from(parts[2], 'base64url'));
}

export function handle(call, state) {
    if (call.path !== '/token' || call.method !== 'POST') return no(error(404, 'no', 'not_found'), 'path');
    const form = new URLSearchParams(call.body.toString());
    const parts = (form.get('assertion') ?? '').split('.');
    let claims = {};
    try {
        claims = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url'));
    } catch {
        claims = {};
    }
    const shape = form.get('grant_type') === JWT_BEARER && parts.length === 3;
    if (!shape || !claims.iss || !claims.scope || !(claims.exp - claims.iat <= 3600))
        return no(error(400, 'bad assertion', 'invalid_grant'), 'assertion');
    const key = state.config.googlePublicKey;
    if (key && !signatureIsRight(parts, key))
        return no(error(400, 'Invalid JWT Signature.', 'invalid_grant'), 'signature');
    return ok(200, { access_token: state.config.bearerFcm, token_type: 'Bearer', expires_in: 3599 });
}
