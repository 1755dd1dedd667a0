// Twilio's Messages resource (2010-04-01) with signed status callbacks.
//
// Rule: error codes and limits are Twilio's own; a number ending in 0010 has unsubscribed (21610).
import crypto from 'node:crypto';

import { no, ok, randomHex } from './state.mjs';

export const codes = { 401: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503 };

export function error(status, message, code) {
    const number = Number(code) || 20500;
    return [
        status,
        { code: number, message, more_info: `https://www.twilio.com/docs/errors/${number}`, status },
    ];
}

const E164 = /^\+[1-9]\d{6,14}$/;

function isUrl(text) {
    try {
        return Boolean(new URL(text));
    } catch {
        return false;
    }
}

// The first rule of the form that is broken as [code, message, field], or null.
function firstWrong(form) {
    const to = form.get('To');
    const from = form.get('From');
    const service = form.get('MessagingServiceSid');
    const body = form.get('Body');
    const validity = form.get('ValidityPeriod');
    const callback = form.get('StatusCallback');
    if (!to) return [21604, "A 'To' phone number is required.", 'To'];
    if (!E164.test(to)) return [21211, `Invalid 'To' Phone Number: ${to}`, 'To'];
    if (!from && !service) return [21603, "A 'From' phone number is required.", 'From'];
    if (from && !E164.test(from) && !/^[A-Za-z0-9 ]{1,11}$/.test(from)) return [21212, "Invalid 'From'", 'From'];
    if (service && !/^MG[0-9a-f]{32}$/.test(service)) return [21701, 'MessagingServiceSid', 'MessagingServiceSid'];
    if (!body && !form.get('MediaUrl') && !form.get('ContentSid')) return [21602, 'Message body is required.', 'Body'];
    if ([...(body ?? '')].length > 1600)
        return [21617, 'The concatenated message body exceeds the 1600 character limit.', 'Body'];
    if (validity && !(Number(validity) >= 1 && Number(validity) <= 14400))
        return [21624, 'Invalid validity period', 'ValidityPeriod'];
    if (callback && !isUrl(callback)) return [21609, 'StatusCallback', 'StatusCallback'];
    return null;
}

export function handle(call, state) {
    const { config } = state;
    const path = call.path.match(
        /^\/2010-04-01\/Accounts\/(AC[0-9a-f]{32})\/Messages(?:\/(SM[0-9a-f]{32}))?\.json$/,
    );
    if (!path) return no(error(404, 'not found', 20404), 'path');
    const basic = Buffer.from(`${config.twilioSid}:${config.twilioToken}`).toString('base64');
    if (call.headers.authorization !== `Basic ${basic}` || path[1] !== config.twilioSid)
        return no(error(401, 'Authenticate', 20003), 'auth');
    if (call.method === 'GET') {
        const sent = state.effects.find((e) => e.sid === path[2]);
        if (!sent) return no(error(404, 'not found', 20404), 'sid');
        return ok(200, { sid: sent.sid, status: 'delivered' });
    }
    if (!/^application\/x-www-form-urlencoded/.test(call.headers['content-type'] ?? ''))
        return no(error(400, 'content type', 21617), 'content-type');
    return send(call, new URLSearchParams(call.body.toString('utf8')), state);
}

function send(call, form, state) {
    const wrong = firstWrong(form);
    if (wrong) return no(error(400, wrong[1], wrong[0]), wrong[2]);
    const [to, from, body] = [form.get('To'), form.get('From'), form.get('Body')];
    if (to.endsWith('0010')) return no(error(400, 'Attempt to send to unsubscribed recipient', 21610), null);

    const sid = `SM${randomHex(16)}`;
    const account = state.config.twilioSid;
    const callback = form.get('StatusCallback');
    if (callback) call.after = () => hook(state, { url: callback, sid, to, from });
    return ok(
        201,
        {
            sid,
            account_sid: account,
            to,
            from,
            body,
            status: 'queued',
            num_segments: '1',
            date_created: new Date().toUTCString(),
            error_code: null,
            uri: `/2010-04-01/Accounts/${account}/Messages/${sid}.json`,
        },
        { effect: 'sms', key: `${to}|${body}`, sid },
    );
}

// X-Twilio-Signature: HMAC-SHA1 over the URL and the sorted parameters, base64.
export function sign(token, url, params) {
    const text = Object.keys(params)
        .sort()
        .map((key) => key + params[key])
        .join('');
    return crypto.createHmac('sha1', token).update(url + text).digest('base64');
}

// Sends a status callback (or, with `params`, an inbound message) `times` times, signed.
export function hook(state, { url, sid, to, from, status = 'delivered', times = 1, forge, params }) {
    const fields = params ?? {
        MessageSid: sid,
        SmsSid: sid,
        AccountSid: state.config.twilioSid,
        MessageStatus: status,
        To: to,
        From: from ?? '',
    };
    const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': sign(forge ? 'other token' : state.config.twilioToken, url, fields),
    };
    for (let i = 0; i < times; i++) {
        state.later(30 + i * 50, () => state.post(url, new URLSearchParams(fields).toString(), headers));
    }
}
