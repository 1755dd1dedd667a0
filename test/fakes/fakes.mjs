// Stand-ins for FCM, Google OAuth, Twilio, Square, S3 and an Auth0-like issuer, with faults on order.
//
// usage: node test/fakes/fakes.mjs [--port N] [--log calls.jsonl], or startFakes() in a test.
// Bases: /fcm /google /twilio /square /s3 /auth0. Control: /__fault /__clearfaults /__calls /__stats
// /__reset /__canary /__mint /__rotate /__hook /__objects /__orders.
// POST /__fault {svc, match?, mode, n?, p?, ms?, status?, retryAfter?, body?}: the first live fault
// whose service and path pattern match applies, n times, with chance p. Modes:
//   status       answer this status in the service's own error shape
//   delay, hang  wait ms and go on; take the request and never answer
//   reset        close the socket before any effect
//   commit-reset, commit-5xx   do the effect, then close or answer 500: an ambiguous result
//   drip, truncate, badjson, huge   a slow, cut, broken or too large answer
//   redirect     302 to body           dup   the status callback is delivered twice
// Rule: every request is kept with its verdict; a card number or canary string in one is a leak.
import fs from 'node:fs';
import http from 'node:http';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import * as fcm from './fcm.mjs';
import * as google from './google.mjs';
import * as issuerErrors from './issuer.mjs';
import * as s3 from './s3.mjs';
import * as square from './square.mjs';
import { State } from './state.mjs';
import * as twilio from './twilio.mjs';

const defaults = {
    bearerFcm: 'ya29.fake',
    twilioSid: `AC${'0'.repeat(32)}`,
    twilioToken: 'twtoken',
    squareToken: 'sqtoken',
    squareSigKey: 'sqsig',
    s3Key: 'AKIDEXAMPLE',
    s3Secret: 'wJalrXUtnFEMIK7MDENG',
    audience: 'https://api.nexacore.test',
    googlePublicKey: null,
};

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// POSTs a webhook and keeps the answer as a call of its own; never throws.
function post(state, url, body, headers) {
    return new Promise((resolve) => {
        const note = (status, err) => {
            state.calls.push({ t: Date.now(), svc: 'hook-out', path: url, status, err });
            resolve(status);
        };
        const length = { 'content-length': Buffer.byteLength(body) };
        const request = http.request(url, { method: 'POST', headers: { ...headers, ...length }, timeout: 5000 });
        request.on('response', (response) => {
            response.resume();
            response.on('end', () => note(response.statusCode));
        });
        request.on('error', (e) => note(0, e.code));
        request.on('timeout', () => request.destroy());
        request.end(body);
    });
}

class Fakes {
    constructor(config, log) {
        this.state = new State(config);
        this.state.post = (...args) => post(this.state, ...args);
        this.timers = new Set();
        this.state.later = (ms, run) => {
            const timer = setTimeout(() => (this.timers.delete(timer), run()), ms);
            this.timers.add(timer);
        };
        this.log = log;
        this.issuer = new issuerErrors.Issuer(config);
        this.services = {
            fcm,
            google,
            twilio,
            square,
            s3,
            auth0: { ...issuerErrors, handle: (call) => this.issuer.handle(call) },
        };
    }

    // One control command; the same for a test in this process and for HTTP.
    control(name, json = {}, query = new URLSearchParams()) {
        const { state } = this;
        switch (name) {
            case 'fault':
                if (!json.mode) return state.faults;
                state.faults.push({ n: 1e9, p: 1, ms: 0, ...json, hits: 0 });
                return { faults: state.faults.length };
            case 'clearfaults':
                state.faults = [];
                return { ok: 1 };
            case 'calls':
                return state.calls
                    .filter((c) => !query.get('svc') || c.svc === query.get('svc'))
                    .slice(-Number(query.get('n') ?? 1e4));
            case 'stats':
                return state.stats();
            case 'reset':
                state.reset();
                this.issuer.reset();
                return { ok: 1 };
            case 'canary':
                state.canaries.push(...(json.strings ?? []));
                return { canaries: state.canaries };
            case 'orders':
                state.orders.push(...(json.orders ?? []));
                state.payments.push(...(json.payments ?? []));
                return { orders: state.orders.length, payments: state.payments.length };
            case 'mint':
                return this.issuer.mint(json);
            case 'rotate':
                return this.issuer.rotate(json.keys);
            case 'objects':
                return [...state.objects].map(([key, o]) => ({
                    key,
                    size: o.body.length,
                    sse: o.sse,
                    leaks: state.leaks(o.body),
                }));
            case 'hook':
                (json.svc === 'square' ? square : twilio).hook(state, json);
                return { sent: json.times ?? 1 };
            default:
                return { error: 'unknown' };
        }
    }

    calls(service) {
        return this.state.calls.filter((c) => !service || c.svc === service);
    }

    async answer(request, body, response) {
        const [path, query = ''] = request.url.split('?');
        if (path.startsWith('/__')) {
            let json = {};
            try {
                json = body.length ? JSON.parse(body) : {};
            } catch {
                json = {};
            }
            return write(request, response, 200, this.control(path.slice(3), json, new URLSearchParams(query)));
        }
        const name = path.split('/')[1];
        const service = this.services[name];
        if (!service) {
            const { method, url } = request;
            this.state.calls.push({ t: Date.now(), svc: 'unknown', path: url, method, bad: 'unknown base' });
            return write(request, response, 404, { error: 'unknown base' });
        }
        const call = {
            method: request.method,
            path: path.slice(name.length + 1),
            rawUrl: request.url,
            query,
            headers: request.headers,
            body,
        };
        return this.serve(name, service, call, request, response);
    }

    // Keeps the call with its verdict; object bodies are searched on demand (control "objects").
    record(name, call) {
        const searched = name === 's3' ? [Buffer.from(call.rawUrl)] : [Buffer.from(`${call.rawUrl}\n`), call.body];
        const record = {
            n: ++this.state.seq,
            t: Date.now(),
            svc: name,
            method: call.method,
            path: call.path + (call.query ? `?${call.query}` : ''),
            len: call.body.length,
            leaks: this.state.leaks(Buffer.concat(searched)),
        };
        if (name !== 's3') record.body = call.body.toString('utf8').slice(0, 4000);
        this.state.calls.push(record);
        return record;
    }

    async serve(name, service, call, request, response) {
        const record = this.record(name, call);
        let result;
        try {
            result = service.handle(call, this.state);
        } catch (e) {
            result = { status: 500, body: { error: String(e) }, bad: `fake crashed: ${e.message}` };
        }
        record.bad = result.bad || undefined;
        const fault = this.state.takeFault(name, record.path);
        record.fault = fault?.mode;
        const done = (status, body, headers) => {
            record.status = status;
            record.ms = Date.now() - record.t;
            if (this.log) fs.appendFileSync(this.log, `${JSON.stringify(record)}\n`);
            write(request, response, status, body, headers);
        };
        const commit = () => {
            call.commit?.();
            const { effect, key, sid } = result;
            if (effect) this.state.effects.push({ t: Date.now(), effect, key, sid });
            call.after?.();
            if (fault?.mode === 'dup') call.after?.();
        };
        const failure = (status) =>
            service.error(status, 'injected', (service.codes ?? {})[status] ?? 'INJECTED');
        await play(fault, { record, response, result, done, commit, failure });
    }
}

// Answers a call under a fault (or none).
async function play(fault, { record, response, result, done, commit, failure }) {
    const drop = () => {
        record.status = 0;
        response.destroy();
    };
    switch (fault?.mode) {
        case 'hang':
            return undefined;
        case 'reset':
            return drop();
        case 'status': {
            const [status, body] = failure(fault.status);
            const retry = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
            return done(status, fault.body ?? body, retry);
        }
        case 'redirect':
            return done(302, '', { location: fault.body });
        case 'badjson':
            return done(200, Buffer.from('{"name": "proj'));
        case 'huge':
            return done(200, Buffer.alloc((fault.ms || 64) << 20, 0x20));
        case 'commit-reset':
            commit();
            return drop();
        case 'commit-5xx':
            commit();
            return done(...failure(500));
        case 'truncate':
            commit();
            response.writeHead(result.status, { 'content-length': 1000 });
            response.write('{');
            return setTimeout(() => response.destroy(), 50);
        case 'drip':
            commit();
            return drip(response, result, fault.ms || 1000);
        case 'delay':
            await wait(fault.ms);
            break;
        default:
            break;
    }
    commit();
    return done(result.status, result.body, result.headers);
}

async function drip(response, result, ms) {
    const bytes = Buffer.from(JSON.stringify(result.body));
    response.writeHead(result.status, { 'content-type': 'application/json', 'content-length': bytes.length });
    for (const byte of bytes) {
        if (response.destroyed) return;
        response.write(Buffer.from([byte]));
        await wait(ms);
    }
    response.end();
}

function write(request, response, status, body, headers = {}) {
    const isText = typeof body === 'string';
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(isText ? body : JSON.stringify(body));
    response.writeHead(status, {
        'content-type': isText ? 'application/xml' : 'application/json',
        'content-length': bytes.length,
        ...headers,
    });
    response.end(status === 204 || request.method === 'HEAD' ? undefined : bytes);
}

// Starts the fakes in this process: {url, port, config, calls(svc?), control(name, json), stop()}.
// `port` 0 takes a free one.
export async function startFakes({ port = 0, log = '', config = {} } = {}) {
    const full = { ...defaults, ...config };
    const fakes = new Fakes(full, log);
    const server = http.createServer({ maxHeaderSize: 1 << 17 }, (request, response) => {
        const chunks = [];
        request.on('data', (d) => chunks.push(d));
        request.on('error', () => {});
        request.on('end', () => fakes.answer(request, Buffer.concat(chunks), response));
    });
    await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${server.address().port}`;
    full.issuer ??= `${url}/auth0/`;
    return {
        url,
        port: server.address().port,
        config: full,
        state: fakes.state,
        calls: (service) => fakes.calls(service),
        control: (name, json) => fakes.control(name, json),
        async stop() {
            for (const timer of fakes.timers) clearTimeout(timer);
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
        },
    };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
    const { values } = parseArgs({
        options: { port: { type: 'string', default: '21640' }, log: { type: 'string', default: '' } },
    });
    const config = {};
    for (const key of Object.keys(defaults))
        if (process.env[`FAKE_${key}`]) config[key] = process.env[`FAKE_${key}`];
    const fakes = await startFakes({ port: Number(values.port), log: values.log, config });
    console.log(`fakes on ${fakes.url}  issuer ${fakes.config.issuer}`);
}
