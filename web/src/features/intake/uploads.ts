// The forms dropped in this session: waiting, being sent, refused at the door, or known by their id.
//
// Rule: a file's name may be a patient's: it is kept in memory for the list, never stored or sent.
import { signal } from '@preact/signals';

import { ApiProblem, newKey, upload } from '../../lib/api';

export const BYTES_MAX = 20 * 1024 * 1024;
const KEPT = 'nexacore.forms';

export interface Sent {
    key: string;
    name: string; // '' after a reload
    at: string;
    formId?: string;
    duplicateOf?: string;
    refusal?: string; // a code of forms.refusal.*
    file?: File; // until it was taken
    room: string;
}

function kept(): Sent[] {
    try {
        return JSON.parse(sessionStorage.getItem(KEPT) ?? '[]') as Sent[];
    } catch {
        return [];
    }
}

export const uploads = signal<Sent[]>(kept());

function set(list: Sent[]) {
    uploads.value = list.slice(0, 30);
    const lasting = uploads.value
        .filter((s) => s.formId)
        .map(({ key, at, formId, duplicateOf, room }) => ({ key, at, formId, duplicateOf, room, name: '' }));
    sessionStorage.setItem(KEPT, JSON.stringify(lasting));
}

const change = (key: string, more: Partial<Sent>) => set(uploads.value.map((s) => (s.key === key ? { ...s, ...more } : s)));

function refusalOf(error: unknown): string {
    if (!(error instanceof ApiProblem)) return 'internal';
    if (error.status === 413) return 'too-large';
    if (error.status === 415) return 'unsupported-type';
    if (error.status === 400 && error.pointers.includes('/file')) return 'empty';
    if (error.status === 0) return 'unreachable';
    return error.status === 503 || error.status === 429 ? 'busy' : 'internal';
}

// Reasons that a second try of the same file can mend.
export const mayRetry = (refusal?: string) => refusal === 'unreachable' || refusal === 'busy' || refusal === 'internal';

export async function send(key: string) {
    const sent = uploads.value.find((s) => s.key === key);
    if (!sent?.file) return;
    const form = new FormData();
    if (sent.room) form.append('roomNumber', sent.room);
    form.append('file', sent.file, 'form');
    set(uploads.value.map((s) => (s.key === key ? withoutRefusal(s) : s)));
    try {
        const taken = await upload<{ formId: string; duplicateOf?: string }>('/intake/upload', form, key);
        const { file: _gone, ...rest } = sent;
        set(uploads.value.map((s) => (s.key === key ? { ...withoutRefusal(rest), ...taken } : s)));
    } catch (error) {
        change(key, { refusal: refusalOf(error) });
    }
}

function withoutRefusal(sent: Sent): Sent {
    const { refusal: _none, ...rest } = sent;
    return rest;
}

function localRefusal(file: File): { refusal?: string } {
    if (file.size === 0) return { refusal: 'empty' };
    return file.size > BYTES_MAX ? { refusal: 'too-large' } : {};
}

export function add(files: Iterable<File>, room: string) {
    for (const file of files) {
        const key = newKey();
        const sent: Sent = { key, name: file.name, at: new Date().toISOString(), room: room.trim(), file, ...localRefusal(file) };
        set([sent, ...uploads.value]);
        if (!sent.refusal) void send(key);
    }
}
