// The live channel: Socket.IO events become fresh queries and announcements.
//
// Rule: an event says only that something changed; what is shown is always read again over REST.
import { signal } from '@preact/signals';
import type { QueryClient } from '@tanstack/preact-query';
import type { Socket } from 'socket.io-client';

import type { Urgency } from '../lib/types';
import { accessToken, sessionEnded } from './session';

export type LiveState = 'off' | 'connecting' | 'live' | 'lost';

export interface Notice {
    id: string;
    urgency: Urgency;
    room: string | null;
    patientName: string | null;
    at: number;
}

export const liveState = signal<LiveState>('off');
export const notices = signal<Notice[]>([]);

let socket: Socket | undefined;
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

function listen(to: Socket, client: QueryClient) {
    to.on('connect', () => {
        liveState.value = 'live';
        if (!to.recovered) void client.invalidateQueries(); // what happened meanwhile
    });
    to.on('disconnect', (reason) => {
        liveState.value = 'lost';
        // The server ended it: the token is over, or the person was made inactive.
        if (reason === 'io server disconnect') setTimeout(() => to.connect(), 2000);
    });
    to.on('connect_error', () => {
        liveState.value = 'lost';
        // Refused by the server (not unreachable): socket.io does not try again by itself.
        if (!to.active) {
            sessionEnded();
            setTimeout(() => to.connect(), 5000);
        }
    });
    to.onAny((name: string, payload: unknown) => {
        for (const key of STALE[name] ?? []) void client.invalidateQueries({ queryKey: [key] });
        if (name === 'alert:new') newAlert(payload as NewAlert);
        if (name === 'alert:acknowledged') dismiss((payload as { alertId: string }).alertId);
    });
}

export async function startLive(client: QueryClient) {
    if (socket) return;
    liveState.value = 'connecting';
    const { io } = await import('socket.io-client');
    socket = io({ auth: (give) => give({ token: accessToken() }), reconnectionDelayMax: 5000 });
    listen(socket, client);
}
