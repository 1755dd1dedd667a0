// Small parts that every screen uses.
//
// Rule: urgency and state are always said in words, with a shape and a colour beside them.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { type Key, t } from '../app/i18n';
import { ApiProblem } from '../lib/api';
import { ago, clock } from '../lib/time';
import type { Urgency } from '../lib/types';
import { Icon } from './icons';

export function UrgencyBadge({ level }: { level: Urgency }) {
    return (
        <span class={`badge urgency ${level}`}>
            <Icon name={level} />
            {t(`urgency.${level}`)}
        </span>
    );
}

export function Badge({ tone, children }: { tone: 'good' | 'warn' | 'bad' | 'plain'; children: ComponentChildren }) {
    return <span class={`badge ${tone}`}>{children}</span>;
}

// How long ago, and the clinic's clock.
export function When({ at }: { at: string }) {
    return (
        <time dateTime={at} class="when">
            {ago(at)} <span class="dim">· {clock(at)}</span>
        </time>
    );
}

export function Disclaimer() {
    return <p class="disclaimer">{t('disclaimer')}</p>;
}

export function problemText(error: unknown): string {
    if (!(error instanceof ApiProblem)) return t('error.internal');
    const known: Record<string, Key> = {
        unreachable: 'error.unreachable',
        forbidden: 'error.forbidden',
        'not-found': 'error.notFound',
        conflict: 'error.conflict',
        'precondition-failed': 'error.changed',
        'too-many-requests': 'error.tooMany',
        unavailable: 'error.unavailable',
        unauthenticated: 'error.unauthenticated',
        validation: 'error.validation',
    };
    return t(known[error.code] ?? 'error.internal');
}

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
    return (
        <div class="note bad" role="alert">
            <p>{problemText(error)}</p>
            {retry && (
                <button type="button" class="small" onClick={retry}>
                    {t('retry')}
                </button>
            )}
        </div>
    );
}

export function Empty({ children }: { children: ComponentChildren }) {
    return <p class="empty">{children}</p>;
}

export function Loading() {
    return (
        <p class="empty" role="status">
            {t('loading')}
        </p>
    );
}

interface Answer {
    data?: unknown;
    error: unknown;
    isError: boolean;
    refetch: () => unknown;
}

// Draws a query: loading, trouble (above what is still known), or the content.
export function Loaded({ query, children }: { query: Answer; children: ComponentChildren }) {
    if (query.data === undefined) {
        return query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : <Loading />;
    }
    return (
        <>
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {children}
        </>
    );
}

export function Title({ children, side }: { children: string; side?: ComponentChildren }) {
    useEffect(() => {
        document.title = `${children} · NexaCore`;
    }, [children]);
    return (
        <div class="title">
            <h1>{children}</h1>
            {side}
        </div>
    );
}

interface DialogProps {
    label: string;
    onClose: () => void;
    children: ComponentChildren;
}

export function Dialog({ label, onClose, children }: DialogProps) {
    const ref = useRef<HTMLDialogElement>(null);
    useEffect(() => {
        ref.current?.showModal();
    }, []);
    return (
        <dialog ref={ref} aria-label={label} onClose={onClose}>
            <h2>{label}</h2>
            {children}
        </dialog>
    );
}
