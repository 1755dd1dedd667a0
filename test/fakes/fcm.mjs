// Firebase Cloud Messaging, HTTP v1 (projects.messages.send): strict about the request's shape.
//
// Rule: accept only what the real service accepts; the field names come from its REST reference.
import { no, ok, randomHex } from './state.mjs';

export const codes = {
    400: 'INVALID_ARGUMENT',
    401: 'UNAUTHENTICATED',
    403: 'SENDER_ID_MISMATCH',
    404: 'UNREGISTERED',
    429: 'QUOTA_EXCEEDED',
    500: 'INTERNAL',
    503: 'UNAVAILABLE',
};

const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';

export function error(status, message, code, fieldViolations) {
    const details = fieldViolations
        ? [{ '@type': BAD_REQUEST, fieldViolations }]
        : [{ '@type': FCM_ERROR, errorCode: code }];
    return [status, { error: { code: status, message, status: code, details } }];
}

function invalid(field, description) {
    const text = `Invalid value at '${field}'`;
    return no(error(400, text, 'INVALID_ARGUMENT', [{ field, description }]), `${field}: ${description}`);
}

const MESSAGE_KEYS = ['name', 'data', 'notification', 'android', 'webpush', 'apns', 'fcm_options'];
const TARGETS = ['token', 'topic', 'condition'];

function checkData(data) {
    for (const [key, value] of Object.entries(data)) {
        if (typeof value !== 'string') return invalid('message.data', `value of ${key} is not a string`);
        if (['from', 'message_type'].includes(key) || /^(google|gcm\.)/.test(key))
            return invalid('message.data', `reserved key ${key}`);
    }
    return null;
}

function checkPlatforms(message) {
    const android = message.android ?? {};
    if (android.priority && !/^(NORMAL|HIGH|normal|high)$/.test(android.priority))
        return invalid('message.android.priority', 'enum');
    if (android.ttl !== undefined && !/^\d+(\.\d{1,9})?s$/.test(android.ttl))
        return invalid('message.android.ttl', 'duration like 3.5s');
    for (const [key, value] of Object.entries(message.apns?.headers ?? {}))
        if (typeof value !== 'string') return invalid('message.apns.headers', `${key} not a string`);
    return null;
}

function checkMessage(message) {
    if (!message || typeof message !== 'object') return invalid('message', 'missing');
    for (const key of Object.keys(message))
        if (![...MESSAGE_KEYS, ...TARGETS].includes(key)) return invalid(`message.${key}`, 'unknown name');
    if (TARGETS.filter((k) => message[k] !== undefined).length !== 1)
        return invalid('message', 'exactly one of token, topic, condition');
    const size = JSON.stringify(message.data ?? {}) + JSON.stringify(message.notification ?? {});
    if (Buffer.byteLength(size) > 4096) return invalid('message', 'payload over 4096 bytes');
    return checkData(message.data ?? {}) ?? checkPlatforms(message);
}

export function handle(call, state) {
    const path = call.path.match(/^\/v1\/projects\/([\w-]+)\/messages:send$/);
    if (!path || call.method !== 'POST') return no(error(404, 'Not found', 'NOT_FOUND'), 'path');
    if (call.headers.authorization !== `Bearer ${state.config.bearerFcm}`)
        return no(error(401, 'Request had invalid authentication credentials.', 'UNAUTHENTICATED'), 'auth');
    if (!/^application\/json/.test(call.headers['content-type'] ?? ''))
        return invalid('content-type', 'must be application/json');

    let body;
    try {
        body = JSON.parse(call.body.toString('utf8'));
    } catch {
        return invalid('body', 'not JSON');
    }
    for (const key of Object.keys(body))
        if (!['message', 'validate_only'].includes(key)) return invalid(key, 'unknown name');
    const wrong = checkMessage(body.message);
    if (wrong) return wrong;

    const { token, topic, data, notification } = body.message;
    if (/^(dead|UNREG)/.test(token ?? ''))
        return no(error(404, 'Requested entity was not found.', 'UNREGISTERED'), null);
    const subject = data?.alertId ?? data?.alert_id ?? JSON.stringify(data ?? notification);
    const name = `projects/${path[1]}/messages/0:${Date.now()}%${randomHex(8)}`;
    const effect = body.validate_only ? {} : { effect: 'push', key: `${subject}|${token ?? topic}` };
    return ok(200, { name }, effect);
}
