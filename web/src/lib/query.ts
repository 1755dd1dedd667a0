// The queries of the page. Keys start with a list's name; src/app/live.ts makes them stale by it.
//
// Rule: when the live channel is up, polling is only a safety net; when it is lost, it is the source.
import { QueryClient, useInfiniteQuery, useQuery } from '@tanstack/preact-query';

import { liveState } from '../app/live';
import { me } from '../app/session';
import { ApiProblem, get, getTagged } from './api';
import type { Alert, Aggregate, AuditEvent, Flow, Form, FormState, List, Patient, PatientStatus, QueueItem, Shift, TimelineItem, WorkQueue } from './types';

const worthRetrying = (count: number, error: unknown) =>
    count < 3 && error instanceof ApiProblem && (error.status === 0 || error.status >= 500);

export const client = new QueryClient({
    defaultOptions: { queries: { retry: worthRetrying, staleTime: 2000, networkMode: 'always' }, mutations: { networkMode: 'always' } },
});

const every = () => (liveState.value === 'live' ? 20_000 : 4000);

export const useAlerts = (scope: 'mine' | 'clinic') =>
    useQuery({
        queryKey: ['alerts', scope],
        queryFn: () => get<List<Alert>>(`/alerts?scope=${scope}&limit=100`),
        refetchInterval: every,
    });

export const useTimeline = (id: string) =>
    useQuery({
        queryKey: ['alerts', 'timeline', id],
        queryFn: () => get<{ items: TimelineItem[] }>(`/alerts/${id}/timeline`),
    });

// Names of colleagues, to say who acknowledged.
export const useShifts = () =>
    useQuery({
        queryKey: ['shifts'],
        queryFn: () => get<{ shifts: Shift[] }>('/on-call'),
        staleTime: 300_000,
        enabled: me.value?.role !== 'CORPORATE_ADMIN', // belongs to no clinic's shifts
    });

export function useNames(): (id: string | null) => string {
    const shifts = useShifts();
    return (id) => {
        if (!id) return '';
        if (id === me.value?.id) return me.value.fullName;
        return shifts.data?.shifts.find((s) => s.userId === id)?.fullName ?? '';
    };
}

export const useFlow = () =>
    useQuery({ queryKey: ['flow'], queryFn: () => get<Flow>('/dashboard/flow'), refetchInterval: every });

export const usePatients = (status: PatientStatus, q = '') =>
    useQuery({
        queryKey: ['patients', status, q],
        queryFn: () => get<List<Patient>>(`/patients?status=${status}&limit=100${q ? `&q=${encodeURIComponent(q)}` : ''}`),
        refetchInterval: every,
    });

export const useQueue = () =>
    useQuery({
        queryKey: ['queue'],
        queryFn: () => get<List<QueueItem>>('/intake/review-queue'),
        refetchInterval: every,
    });

const FINAL = ['PROCESSED', 'REVIEW', 'CONFIRMED', 'FAILED'];
export const isFinal = (form?: FormState) => form !== undefined && FINAL.includes(form.status);

export const useFormState = (id: string) =>
    useQuery({
        queryKey: ['forms', id, 'status'],
        queryFn: () => get<FormState>(`/intake/${id}/status`),
        refetchInterval: (query) => (isFinal(query.state.data) ? false : 1000),
    });

export const useForm = (id: string, ready: boolean) =>
    useQuery({
        queryKey: ['forms', id, 'whole'],
        queryFn: () => getTagged<Form>(`/intake/${id}`),
        enabled: ready,
        refetchOnWindowFocus: false,
    });

export const useAggregate = () =>
    useQuery({ queryKey: ['aggregate'], queryFn: () => get<Aggregate>('/clinics/aggregate'), refetchInterval: 60_000 });

// Each look is an event of the trail: not more often than needed.
export const useWork = () =>
    useQuery({ queryKey: ['work'], queryFn: () => get<List<WorkQueue>>('/queues'), refetchInterval: 30_000, refetchOnWindowFocus: false });

const param = (name: string, value: string) => (value ? `&${name}=${encodeURIComponent(value)}` : '');

// Read when asked for and never by itself: each read is an event of the same trail.
export const useAudit = (action: string) =>
    useInfiniteQuery({
        queryKey: ['audit', action],
        queryFn: ({ pageParam }) => get<List<AuditEvent>>(`/audit-logs?limit=50${param('action', action)}${param('cursor', pageParam)}`),
        initialPageParam: '',
        getNextPageParam: (last) => last.nextCursor,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
    });
