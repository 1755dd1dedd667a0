// The live channel: Socket.IO events become fresh queries and announcements.
//
// Rule: an event says only that something changed; what is shown is always read again over REST.
import { signal } from '@preact/signals';
import type { Query, QueryClient } from '@tanstack/preact-query';
import type { Socket } from 'socket.io-client';

import { ApiProblem } from '../lib/api';
import { Freshness, type LiveState } from '../lib/freshness';
import { type Numbers, Sequence } from '../lib/sequence';
import type { FormState, Urgency } from '../lib/types';
import { accessToken, me, sessionEnded } from './session';

export interface Notice {
    id: string;
    urgency: Urgency;
    room: string | null;
    patientName: string | null;
    at: number;
}

export const liveState = signal<LiveState>('off');
export const notices = signal<Notice[]>([]);

const freshness = new Freshness((state) => {
    liveState.value = state;
});

let socket: Socket | undefined;
const sequence = new Sequence(() => (me.value ? [me.value.role, me.value.id] : []));
const soon = (most: number) => Math.random() * most; // ms; so that not all clients come at once
const heard = new Set<(notice: Notice) => void>();

// Calls `listener` for each new alert; returns how to stop.
export function onNotice(listener: (notice: Notice) => void): () => void {
    heard.add(listener);
    return () => heard.delete(listener);
}

export const dismiss = (id: string) => {
    notices.value = notices.value.filter((n) => n.id !== id);
};

interface NewAlert {
    alertId: string;
    urgencyLevel: Urgency;
    room: string | null;
    patientName: string | null;
}

function newAlert(event: NewAlert) {
    const { alertId: id, urgencyLevel: urgency, room, patientName } = event;
    if (notices.value.some((n) => n.id === id)) return;
    const notice = { id, urgency, room, patientName, at: Date.now() };
    notices.value = [notice, ...notices.value].slice(0, 5);
    for (const listener of heard) listener(notice);
}

// Which lists an event makes stale.
const STALE: Record<string, string[]> = {
    'alert:new': ['alerts', 'flow', 'patients'],
    'alert:acknowledged': ['alerts', 'flow', 'patients'],
    'alert:escalated': ['alerts', 'flow'],
    'patient:status_changed': ['patients', 'flow', 'alerts'],
    'intake:processed': ['forms', 'queue', 'patients', 'flow'],
};

// The audit trail is read when asked for alone: each read is an event of it.
const readsItself = (query: Query) => query.queryKey[0] !== 'audit';
const isRefused = (error: unknown) => error instanceof ApiProblem && error.status >= 400 && error.status < 500;

// Something on the screen is marked old and could not be read.
const isBehind = (client: QueryClient) =>
    client
        .getQueryCache()
        .findAll({ type: 'active', predicate: readsItself })
        .some(({ state }) => state.isInvalidated && !isRefused(state.error));

// Reads again what is on the screen, and says so until it is done.
async function catchUp(client: QueryClient) {
    const turn = freshness.reading();
    await client.invalidateQueries({ predicate: readsItself });
    if (freshness.read(turn, !isBehind(client))) setTimeout(() => freshness.isLatest(turn) && void catchUp(client), 2000 + soon(1000));
}

// How far a form is, for the card that shows it; it never goes back.
function progressed(client: QueryClient, { formId, status, progress }: Pick<FormState, 'formId' | 'status' | 'progress'>) {
    client.setQueryData<FormState>(['forms', formId, 'status'], (old) => (old && old.progress < progress ? { ...old, status, progress } : old));
}

function take(client: QueryClient, name: string, payload: unknown) {
    for (const key of STALE[name] ?? []) void client.invalidateQueries({ queryKey: [key] });
    if (name === 'alert:new') newAlert(payload as NewAlert);
    if (name === 'intake:progress') progressed(client, payload as FormState);
    if (name === 'alert:acknowledged') dismiss((payload as { alertId: string }).alertId);
}

function listenToEvents(to: Socket, client: QueryClient) {
    to.on('live:resync', () => {
        sequence.reset();
        freshness.miss();
        setTimeout(() => to.connected && void catchUp(client), soon(1000));
    });
    to.onAny((name: string, payload: unknown, numbers?: Numbers) => {
        const place = sequence.place(numbers);
        if (place === 'again') return;
        take(client, name, payload);
        if (place === 'gap') void catchUp(client);
    });
}

function listen(to: Socket, client: QueryClient) {
    to.on('connect', () => {
        if (!to.recovered) sequence.reset();
        if (freshness.connect(to.recovered)) void catchUp(client);
    });
    to.on('disconnect', (reason) => {
        freshness.lose();
        // The server ended it: the token is over, or the person was made inactive.
        if (reason === 'io server disconnect') setTimeout(() => to.connect(), 1500 + soon(1000));
    });
    to.on('connect_error', (error) => {
        freshness.lose();
        // Refused by the server (not unreachable): socket.io does not try again by itself.
        if (!to.active) {
            // Busy, or its database is away: the token is as good as before.
            if ((error as Error & { data?: { status?: number } }).data?.status !== 503) sessionEnded();
            setTimeout(() => to.connect(), 4000 + soon(2000));
        }
    });
    listenToEvents(to, client);
}

export async function startLive(client: QueryClient) {
    if (socket) return;
    liveState.value = 'connecting';
    const { io } = await import('socket.io-client');
    socket = io({ auth: (give) => give({ token: accessToken() }), reconnectionDelayMax: 5000 });
    listen(socket, client);
}
