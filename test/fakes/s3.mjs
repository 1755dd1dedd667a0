// S3 for one process: path-style objects, AWS Signature Version 4 checked from its definition.
//
// Rule: unsafe keys (dot segments, empty segments, control bytes) are refused, so that a caller that
// builds keys from input is caught.
import crypto from 'node:crypto';

import { no, ok, randomHex, sha256 } from './state.mjs';

export const codes = { 403: 'AccessDenied', 404: 'NoSuchKey', 500: 'InternalError', 503: 'SlowDown' };

const ENTITIES = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };
const xml = (text) => String(text).replace(/[<>&"]/g, (c) => ENTITIES[c]);
const hmac = (key, data) => crypto.createHmac('sha256', key).update(data).digest();
const digest = (name, body) => crypto.createHash(name).update(body);

export function error(status, message, code) {
    const parts = `<Code>${code}</Code><Message>${xml(message)}</Message><RequestId>${randomHex(8)}</RequestId>`;
    return [status, `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${parts}</Error>`];
}

const AUTHORIZATION = new RegExp(
    '^AWS4-HMAC-SHA256 Credential=([^/]+)/(\\d{8})/([^/]+)/s3/aws4_request, ?' +
        'SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$',
);

function isoOf(date) {
    return date.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z');
}

// The error code of a wrong signature, or null.
function signatureFault(call, config) {
    const auth = (call.headers.authorization ?? '').match(AUTHORIZATION);
    if (!auth) return 'AccessDenied';
    const [, keyId, day, region, signed, signature] = auth;
    if (keyId !== config.s3Key) return 'InvalidAccessKeyId';
    const date = call.headers['x-amz-date'] ?? '';
    if (!(Math.abs(Date.now() - Date.parse(isoOf(date))) < 900e3)) return 'RequestTimeTooSkewed';
    const names = signed.split(';');
    if (!names.includes('host')) return 'AccessDenied';
    const payload = call.headers['x-amz-content-sha256'] ?? '';
    if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(call.body)) return 'XAmzContentSHA256Mismatch';

    const [path, query = ''] = call.rawUrl.split('?');
    const pairs = query ? query.split('&').map((q) => (q.includes('=') ? q : `${q}=`)) : [];
    const headers = names.map((n) => `${n}:${(call.headers[n] ?? '').trim().replace(/ +/g, ' ')}\n`);
    const request = [call.method, path, pairs.sort().join('&'), headers.join(''), signed, payload].join('\n');
    const scope = `${day}/${region}/s3/aws4_request`;
    const text = ['AWS4-HMAC-SHA256', date, scope, sha256(request)].join('\n');
    const key = hmac(hmac(hmac(hmac(`AWS4${config.s3Secret}`, day), region), 's3'), 'aws4_request');
    const same = crypto.timingSafeEqual(hmac(key, text), Buffer.from(signature, 'hex'));
    return same ? null : 'SignatureDoesNotMatch';
}

function put(call, key, state) {
    if (call.headers['if-none-match'] === '*' && state.objects.has(key))
        return no(error(412, 'exists', 'PreconditionFailed'), null);
    const md5 = call.headers['content-md5'];
    if (md5 && md5 !== digest('md5', call.body).digest('base64')) return no(error(400, 'md5', 'BadDigest'), 'md5');
    const checksum = call.headers['x-amz-checksum-sha256'];
    if (checksum && checksum !== digest('sha256', call.body).digest('base64'))
        return no(error(400, 'sha256', 'BadDigest'), 'sha256');
    const etag = `"${digest('md5', call.body).digest('hex')}"`;
    const sse = call.headers['x-amz-server-side-encryption'] ?? null;
    call.commit = () => state.objects.set(key, { body: call.body, etag, sse, t: Date.now() });
    return ok(200, '', { headers: { etag }, effect: 'put', key });
}

function list(call, bucket, state) {
    const prefix = `${bucket}/${new URLSearchParams(call.query).get('prefix') ?? ''}`.replace(/\/+/g, '/');
    const keys = [...state.objects.keys()].filter((k) => k.startsWith(prefix));
    const contents = keys.map((k) => `<Contents><Key>${xml(k)}</Key></Contents>`).join('');
    const count = `<KeyCount>${keys.length}</KeyCount>`;
    return ok(200, `<?xml version="1.0"?><ListBucketResult>${count}${contents}</ListBucketResult>`);
}

export function handle(call, state) {
    const fault = signatureFault(call, state.config);
    if (fault) return no(error(fault === 'XAmzContentSHA256Mismatch' ? 400 : 403, fault, fault), fault);
    const key = decodeURIComponent(call.path);
    if (/(^|\/)\.\.?(\/|$)|\/\/|[\0-\x1f]/.test(key))
        return no(error(400, 'key', 'InvalidArgument'), `unsafe key ${JSON.stringify(key)}`);
    if (call.method === 'PUT') return put(call, key, state);
    if (call.method === 'GET' && new URLSearchParams(call.query).get('list-type') === '2')
        return list(call, key, state);
    if (call.method === 'DELETE') {
        call.commit = () => state.objects.delete(key);
        return ok(204, '', { effect: 'delete', key });
    }
    const object = state.objects.get(key);
    if (!object) return no(error(404, 'The specified key does not exist.', 'NoSuchKey'), null);
    if (call.method === 'GET') return ok(200, object.body, { headers: { etag: object.etag } });
    if (call.method === 'HEAD') return ok(200, '', { headers: { etag: object.etag } });
    return no(error(405, 'method', 'MethodNotAllowed'), 'method');
}
