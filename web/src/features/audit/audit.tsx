// The audit trail for administration: who did or saw what, when, from where, and how it ended.
//
// Rule: what has no text or name is shown as its own code: a trail leaves nothing out.
import { useState } from 'preact/hooks';

import { t, tCode } from '../../app/i18n';
import { useAudit, useNames } from '../../lib/query';
import { exactTime } from '../../lib/time';
import type { AuditEvent } from '../../lib/types';
import { Badge, Empty, Loaded, Title } from '../../ui/parts';

const ACTIONS: readonly string[] = [
    'READ_PATIENT',
    'LIST_PATIENTS',
    'CREATE_PATIENT',
    'UPDATE_PATIENT',
    'FORM_UPLOADED',
    'READ_FORM',
    'READ_FORM_STATUS',
    'LIST_REVIEW_QUEUE',
    'FORM_PROCESSED',
    'FORM_CONFIRMED',
    'FORM_FAILED',
    'ALERT_CREATED',
    'ALERT_RAISED',
    'ALERT_LOWERED',
    'ALERT_ACKNOWLEDGED',
    'ALERT_ESCALATED',
    'ALERT_CLOSED',
    'READ_ALERT',
    'LIST_ALERTS',
    'PUSH_SENT',
    'PUSH_FAILED',
    'SMS_SENT',
    'SMS_FAILED',
    'SMS_DELIVERED',
    'SMS_UNDELIVERED',
    'READ_FLOW',
    'READ_ON_CALL',
    'UPDATE_ON_CALL',
    'READ_BILLING',
    'READ_BILLING_STATS',
    'READ_CLINIC_STATS',
    'READ_AGGREGATE',
    'READ_AUDIT',
    'READ_ME',
    'DEVICE_REGISTERED',
    'DEVICE_REMOVED',
    'LIST_QUEUES',
    'JOB_RETRIED',
    'ACCESS_DENIED',
];

const actionText = (action: string) => tCode(`auditAction.${action}`, action);
const roleText = (role: string | null) => (role ? tCode(`role.${role}`, role) : t('audit.system'));

// The end of an id is its random part.
function ShortId({ id }: { id: string }) {
    return (
        <span class="id dim" title={id}>
            …{id.slice(-8)}
        </span>
    );
}

function Outcome({ outcome }: { outcome: AuditEvent['outcome'] }) {
    const tone = outcome === 'SUCCESS' ? 'good' : outcome === 'DENIED' ? 'bad' : 'warn';
    return outcome ? <Badge tone={tone}>{t(`auditOutcome.${outcome}`)}</Badge> : <>–</>;
}

function Who({ event, names }: { event: AuditEvent; names: (id: string | null) => string }) {
    const id = event.actorUserId;
    if (!id) return <>{t('audit.system')}</>;
    const name = names(id);
    if (name) return <span title={id}>{name}</span>;
    return (
        <span>
            {roleText(event.actorRole)} <ShortId id={id} />
        </span>
    );
}

function What({ event }: { event: AuditEvent }) {
    if (!event.targetTable) return <>–</>;
    return (
        <span>
            {tCode(`auditTarget.${event.targetTable}`, event.targetTable)} {event.targetId && <ShortId id={event.targetId} />}
        </span>
    );
}

// A table; on a narrow screen each row is a card, and its cells carry their column's name (`data-name`).
function Events({ events }: { events: AuditEvent[] }) {
    const names = useNames();
    const columns = ['when', 'who', 'role', 'action', 'what', 'outcome', 'address'] as const;
    if (events.length === 0) return <Empty>{t('audit.none')}</Empty>;
    return (
        <table class="trail" role="table" aria-label={t('nav.audit')}>
            <thead>
                <tr>
                    {columns.map((column) => (
                        <th scope="col" key={column}>
                            {t(`audit.${column}`)}
                        </th>
                    ))}
                </tr>
            </thead>
            <tbody role="rowgroup">
                {events.map((event) => (
                    <tr key={event.id} role="row" data-action={event.action}>
                        <td role="cell" data-name={t('audit.when')}>
                            <time dateTime={event.occurredAt ?? event.loggedAt}>{exactTime(event.occurredAt ?? event.loggedAt)}</time>
                        </td>
                        <td role="cell" data-name={t('audit.who')}>
                            <Who event={event} names={names} />
                        </td>
                        <td role="cell" data-name={t('audit.role')}>
                            {roleText(event.actorRole)}
                        </td>
                        <td role="cell" data-name={t('audit.action')}>
                            <strong title={event.action}>{actionText(event.action)}</strong>
                        </td>
                        <td role="cell" data-name={t('audit.what')}>
                            <What event={event} />
                        </td>
                        <td role="cell" data-name={t('audit.outcome')}>
                            <Outcome outcome={event.outcome} />
                        </td>
                        <td role="cell" data-name={t('audit.address')}>
                            {event.ipAddress ?? '–'}
                        </td>
                    </tr>
                ))}
            </tbody>
        </table>
    );
}

// Every action with a text, and those without one that were seen.
function ActionFilter({ action, seen, onAction }: { action: string; seen: string[]; onAction: (action: string) => void }) {
    const offered = [...new Set([...ACTIONS, ...seen, ...(action ? [action] : [])])];
    const sorted = offered.sort((a, b) => actionText(a).localeCompare(actionText(b)));
    return (
        <label>
            {t('audit.action')}
            <select value={action} onChange={(e) => onAction(e.currentTarget.value)}>
                <option value="">{t('audit.all')}</option>
                {sorted.map((one) => (
                    <option key={one} value={one}>
                        {actionText(one)}
                    </option>
                ))}
            </select>
        </label>
    );
}

export default function Audit() {
    const [action, setAction] = useState('');
    const trail = useAudit(action);
    const events = trail.data?.pages.flatMap((page) => page.items) ?? [];
    return (
        <>
            <Title
                side={
                    <button type="button" disabled={trail.isFetching} onClick={() => void trail.refetch()}>
                        {t('audit.refresh')}
                    </button>
                }
            >
                {t('nav.audit')}
            </Title>
            <p class="dim">{t('audit.note')}</p>
            <div class="search">
                <ActionFilter action={action} seen={events.map((event) => event.action)} onAction={setAction} />
            </div>
            <Loaded query={trail}>
                <Events events={events} />
                {trail.hasNextPage && (
                    <div class="actions center">
                        <button type="button" disabled={trail.isFetching} onClick={() => void trail.fetchNextPage()}>
                            {t('audit.more')}
                        </button>
                    </div>
                )}
            </Loaded>
        </>
    );
}
