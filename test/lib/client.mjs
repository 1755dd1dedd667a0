// An HTTP client that acts as one signed-in user and checks each answer against openapi.yaml.
//
//   const doctor = world.as('doctor');
//   const { status, body, headers } = await doctor.get('/api/v1/alerts');
//   await doctor.patch(`/api/v1/alerts/${id}/acknowledge`, {});
// Rule: it never throws on a status (a test looks at it), always on an answer the document forbids.
import { loadOpenApi } from './openapi.mjs';

export const openapi = loadOpenApi();

export class Client {
    // `token` is a string, a function that gives one (may be async), or null for no Authorization.
    constructor(url, token, headers = {}) {
        this.url = url;
        this.token = token;
        this.headers = headers;
    }

    // The same user with more headers, such as X-Clinic-Id.
    with(headers) {
        return new Client(this.url, this.token, { ...this.headers, ...headers });
    }

    async bearer() {
        return typeof this.token === 'function' ? this.token() : this.token;
    }

    // `body`: an object is sent as JSON, FormData and strings as they are.
    async call(method, path, body, headers = {}) {
        const sent = { ...this.headers, ...headers };
        const token = await this.bearer();
        if (token) sent.authorization ??= `Bearer ${token}`;
        let payload = body;
        if (body !== undefined && typeof body !== 'string' && !(body instanceof FormData) && !Buffer.isBuffer(body)) {
            payload = JSON.stringify(body);
            sent['content-type'] ??= 'application/json';
        }
        const response = await fetch(this.url + path, { method, headers: sent, body: payload, redirect: 'manual' });
        return this.answer(method, path, response);
    }

    async answer(method, path, response) {
        const bytes = Buffer.from(await response.arrayBuffer());
        const contentType = response.headers.get('content-type') ?? '';
        let body = bytes.length ? bytes : null;
        if (/json\b/.test(contentType)) body = JSON.parse(bytes.toString('utf8'));
        const { status, headers } = response;
        const fault = openapi.fault({ method, path: path.split('?')[0], status, contentType, body });
        if (fault) throw new Error(`not as openapi.yaml says: ${fault}`);
        return { status, headers, body };
    }

    get(path, headers) {
        return this.call('GET', path, undefined, headers);
    }

    post(path, body = {}, headers = {}) {
        return this.call('POST', path, body, headers);
    }

    patch(path, body = {}, headers = {}) {
        return this.call('PATCH', path, body, headers);
    }

    put(path, body = {}, headers = {}) {
        return this.call('PUT', path, body, headers);
    }

    delete(path, body, headers = {}) {
        return this.call('DELETE', path, body, headers);
    }

    // POST /api/v1/intake/upload with the bytes as `file` and other fields beside it.
    upload(bytes, { name = 'form', type = 'application/octet-stream', fields = {}, headers = {} } = {}) {
        const form = new FormData();
        for (const [key, value] of Object.entries(fields)) form.append(key, value);
        form.append('file', new Blob([bytes], { type }), name);
        return this.call('POST', '/api/v1/intake/upload', form, headers);
    }
}
