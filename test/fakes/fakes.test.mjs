// The fakes themselves: they refuse what the real services refuse, and they notice leaks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { sign as twilioSign } from './twilio.mjs';
import { startFakes } from './fakes.mjs';

let fakes;
before(async () => (fakes = await startFakes()));
after(() => fakes.stop());

const push = (message, headers = {}) =>
    fetch(`${fakes.url}/fcm/v1/projects/demo/messages:send`, {
        method: 'POST',
        headers: { authorization: 'Bearer ya29.fake', 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ message }),
    });

const sms = (fields) =>
    fetch(`${fakes.url}/twilio/2010-04-01/Accounts/AC${'0'.repeat(32)}/Messages.json`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`AC${'0'.repeat(32)}:twtoken`).toString('base64')}` },
        body: new URLSearchParams(fields),
    });

test('a push with a number in its data is refused, one with strings is taken', async () => {
    assert.equal((await push({ token: 't', data: { alertId: 7 } })).status, 400);
    assert.equal((await push({ token: 't', data: { alertId: '7' } })).status, 200);
});

test('a dead device token is UNREGISTERED', async () => {
    const response = await push({ token: 'dead-1' });
    assert.equal(response.status, 404);
    assert.equal((await response.json()).error.details[0].errorCode, 'UNREGISTERED');
});

test('a text without a sender is refused with the code of Twilio', async () => {
    const response = await sms({ To: '+15005550006', Body: 'x' });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).code, 21603);
});

test('a card number in a text is a leak, also when URL encoded', async () => {
    await sms({ To: '+15005550006', From: '+15005550001', Body: 'card 4111 1111 1111 1111' });
    assert.deepEqual(fakes.calls('twilio').at(-1).leaks, ['PAN ****1111']);
});

test('the callback signature is the one Twilio publishes as its example', () => {
    // https://www.twilio.com/docs/usage/security
    const params = {
        CallSid: 'CA1234567890ABCDE',
        Caller: '+14158675309',
        Digits: '1234',
        From: '+14158675309',
        To: '+18005551212',
    };
    const url = 'https://mycompany.com/myapp.php?foo=1&bar=2';
    assert.equal(twilioSign('12345', url, params), 'RSOYDt4T1cUTdK1PDd93/VVr8B8=');
});

test('a fault applies as often as asked and then no more', async () => {
    fakes.control('fault', { svc: 'fcm', mode: 'status', status: 503, retryAfter: 1, n: 1 });
    const first = await push({ token: 't', data: {} });
    assert.equal(first.status, 503);
    assert.equal(first.headers.get('retry-after'), '1');
    assert.equal((await push({ token: 't', data: {} })).status, 200);
});

test('orders are paged by a cursor', async () => {
    const page = async (cursor) => {
        const response = await fetch(`${fakes.url}/square/v2/orders/search`, {
            method: 'POST',
            headers: { authorization: 'Bearer sqtoken', 'content-type': 'application/json' },
            body: JSON.stringify({ location_ids: ['L0', 'L1', 'L2'], limit: 1000, cursor }),
        });
        return response.json();
    };
    const first = await page();
    const second = await page(first.cursor);
    assert.equal(first.orders.length + second.orders.length, 1205);
    assert.equal(second.cursor, undefined);
});

test('minted tokens say whether they may be accepted', () => {
    const { attacks } = fakes.control('mint', { attack: '?' });
    assert.ok(attacks.length > 25);
    for (const attack of attacks) {
        const { token, expect } = fakes.control('mint', { attack });
        assert.equal(token.split('.').length, 3, attack);
        assert.ok(['accept', 'reject'].includes(expect));
    }
});
