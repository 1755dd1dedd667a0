// Square's orders and payments, read side, and its signed webhooks.
//
// Rule: cursors are opaque and lists are paged, because the caller must follow them.
import crypto from 'node:crypto';

import { no, ok } from './state.mjs';

export const codes = {
    401: 'UNAUTHORIZED',
    404: 'NOT_FOUND',
    429: 'RATE_LIMITED',
    500: 'INTERNAL_SERVER_ERROR',
    503: 'SERVICE_UNAVAILABLE',
};

export function error(status, detail, code) {
    let category = 'API_ERROR';
    if (status < 500) category = 'INVALID_REQUEST_ERROR';
    if (status === 401) category = 'AUTHENTICATION_ERROR';
    if (status === 429) category = 'RATE_LIMIT_ERROR';
    return [status, { errors: [{ category, code, detail }] }];
}

const cursorOf = (offset) => Buffer.from(String(offset)).toString('base64url');
const offsetOf = (cursor) => Number(Buffer.from(cursor ?? '', 'base64url').toString()) || 0;

function page(name, all, cursor, limit) {
    const offset = offsetOf(cursor);
    const items = all.slice(offset, offset + limit);
    const body = items.length ? { [name]: items } : {};
    if (offset + limit < all.length) body.cursor = cursorOf(offset + limit);
    return ok(200, body);
}

function searchOrders(query, state) {
    const { location_ids: locations, limit, cursor } = query;
    if (!Array.isArray(locations) || !locations.length || locations.length > 10)
        return no(error(400, 'location_ids: 1 to 10', 'MISSING_REQUIRED_PARAMETER'), 'location_ids');
    if (limit !== undefined && !(limit >= 1 && limit <= 1000))
        return no(error(400, 'limit', 'VALUE_TOO_HIGH'), 'limit');
    const states = query.query?.filter?.state_filter?.states;
    const since = query.query?.filter?.date_time_filter?.updated_at?.start_at;
    const found = state.orders.filter(
        (o) =>
            locations.includes(o.location_id) &&
            (!states || states.includes(o.state)) &&
            (!since || Date.parse(o.updated_at) >= Date.parse(since)),
    );
    return page('orders', found, cursor, limit ?? 500);
}

function listPayments(query, state) {
    const since = query.get('updated_at_begin_time') ?? query.get('begin_time');
    const found = state.payments.filter((p) => !since || Date.parse(p.updated_at) >= Date.parse(since));
    return page('payments', found, query.get('cursor'), Number(query.get('limit') ?? 100));
}

export function handle(call, state) {
    if (call.headers.authorization !== `Bearer ${state.config.squareToken}`)
        return no(error(401, 'This request could not be authorized.', 'UNAUTHORIZED'), 'auth');
    const version = call.headers['square-version'];
    if (version && !/^\d{4}-\d\d-\d\d$/.test(version))
        return no(error(400, 'Square-Version', 'INVALID_SQUARE_VERSION_FORMAT'), 'Square-Version');

    let body = {};
    try {
        if (call.method === 'POST') body = JSON.parse(call.body.toString('utf8') || '{}');
    } catch {
        return no(error(400, 'bad JSON', 'BAD_REQUEST'), 'json');
    }
    const route = `${call.method} ${call.path}`;
    if (route === 'POST /v2/orders/search') return searchOrders(body, state);
    if (route === 'GET /v2/payments') return listPayments(new URLSearchParams(call.query), state);
    if (route === 'POST /v2/orders/batch-retrieve')
        return ok(200, { orders: state.orders.filter((o) => (body.order_ids ?? []).includes(o.id)) });
    const one = route.match(/^GET \/v2\/orders\/(\w+)$/);
    if (!one) return no(error(404, 'Resource not found.', 'NOT_FOUND'), 'path');
    const order = state.orders.find((o) => o.id === one[1]);
    return order ? ok(200, { order }) : no(error(404, 'Order not found', 'NOT_FOUND'), null);
}

// x-square-hmacsha256-signature: HMAC-SHA256 over the notification URL and the raw body, base64.
export const sign = (key, url, body) => crypto.createHmac('sha256', key).update(url + body).digest('base64');

// Sends a webhook, signed, forged or several times.
export function hook(state, { url, type, event_id: id, data, forge, signedUrl, times = 1 }) {
    const body = JSON.stringify({
        merchant_id: 'M1',
        type: type ?? 'order.updated',
        event_id: id ?? crypto.randomUUID(),
        created_at: new Date().toISOString(),
        data: data ?? { type: 'order', id: 'ORD00001', object: {} },
    });
    const signature = sign(state.config.squareSigKey, forge ? 'https://other/' : (signedUrl ?? url), body);
    const headers = { 'content-type': 'application/json', 'x-square-hmacsha256-signature': signature };
    for (let i = 0; i < times; i++) state.post(url, body, headers);
}
