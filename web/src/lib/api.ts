// Calls of the API as the signed-in person. Answers are JSON; failures are ApiProblem (RFC 9457).
//
// Rule: the token goes into the Authorization header and nowhere else, and a 401 renews the session.
import { accessToken, sessionEnded } from '../app/session';

export class ApiProblem extends Error {
    constructor(
        readonly status: number, // 0: the server was not reached
        readonly code: string, // "conflict", "forbidden", ...
        readonly detail: string,
        readonly pointers: string[],
    ) {
        super(detail || code);
    }
}

async function problemOf(response: Response): Promise<ApiProblem> {
    const body = await response.json().catch(() => ({}));
    const code = String(body.type ?? '').replace('/problems/', '') || 'internal';
    const pointers = (body.errors ?? []).map((e: { pointer?: string }) => String(e.pointer ?? ''));
    return new ApiProblem(response.status, code, String(body.detail ?? ''), pointers);
}

async function send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${accessToken()}`);
    let response: Response;
    try {
        response = await fetch(`/api/v1${path}`, { ...init, method, headers });
    } catch {
        throw new ApiProblem(0, 'unreachable', '', []);
    }
    if (response.ok) return response;
    if (response.status === 401) sessionEnded();
    throw await problemOf(response);
}

// crypto.randomUUID needs a secure page; a key of 128 random bits does as well.
export function newKey(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

export async function get<T>(path: string): Promise<T> {
    return (await send('GET', path)).json();
}

// The answer with its ETag, for a later change of exactly what was read.
export async function getTagged<T>(path: string): Promise<{ body: T; etag: string }> {
    const response = await send('GET', path);
    return { body: await response.json(), etag: response.headers.get('etag') ?? '' };
}

export async function getBlob(path: string): Promise<Blob> {
    return (await send('GET', path)).blob();
}

export async function post<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': newKey() };
    return (await send('POST', path, { body: JSON.stringify(body), headers })).json();
}

export async function remove(path: string): Promise<void> {
    await send('DELETE', path);
}

export async function patch<T>(path: string, body: unknown, etag = ''): Promise<T> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (etag) headers['if-match'] = etag;
    return (await send('PATCH', path, { body: JSON.stringify(body), headers })).json();
}

// `key` makes a second try of the same upload the same upload.
export async function upload<T>(path: string, form: FormData, key: string): Promise<T> {
    return (await send('POST', path, { body: form, headers: { 'idempotency-key': key } })).json();
}
