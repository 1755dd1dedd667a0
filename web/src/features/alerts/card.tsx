// One alert: how urgent, where, who, since when, why, who has it, and what can be done.
import { useState } from 'preact/hooks';

import { ruleText, t, tOr } from '../../app/i18n';
import { useTimeline } from '../../lib/query';
import { clock } from '../../lib/time';
import type { Alert } from '../../lib/types';
import { Badge, Disclaimer, Loaded, UrgencyBadge, When } from '../../ui/parts';
import { AlertActions } from './actions';

const TONES = { PENDING: 'warn', DELIVERED: 'plain', ESCALATED: 'bad', ACKNOWLEDGED: 'good', CLOSED: 'plain' } as const;

// The pipeline's reason is a list of rule names; a person's is free text.
export function reasonText(reason: string | null): string {
    if (!reason) return '';
    const words = reason.split(', ');
    return words.every((word) => /^[a-z0-9_]+$/.test(word)) ? words.map(ruleText).join(', ') : reason;
}

function Timeline({ id }: { id: string }) {
    const query = useTimeline(id);
    return (
        <Loaded query={query}>
            <ol class="timeline">
                {query.data?.items.map((item, i) => (
                    <li key={i}>
                        <time dateTime={item.at}>{clock(item.at)}</time>
                        <span>
                            {tOr(`event.${item.event}`, 'event.other')}
                            {item.userName && ` · ${item.userName}`}
                        </span>
                    </li>
                ))}
            </ol>
        </Loaded>
    );
}

function Who({ alert, names }: { alert: Alert; names: (id: string | null) => string }) {
    if (alert.acknowledgedAt) {
        return (
            <p class="who good-text">
                {t('alert.acknowledgedBy', { name: names(alert.acknowledgedBy) || t('someone') })} <When at={alert.acknowledgedAt} />
            </p>
        );
    }
    const assigned = alert.assignedTo ? t('alert.assignedTo', { name: names(alert.assignedTo) || t('someone') }) : t('alert.unassigned');
    return (
        <p class="who">
            {assigned}
            {alert.escalatedAt && (
                <>
                    {' · '}
                    {t('alert.escalatedAt', { time: clock(alert.escalatedAt) })}
                </>
            )}
        </p>
    );
}

interface CardProps {
    alert: Alert;
    names: (id: string | null) => string;
    focused?: boolean;
}

export function AlertCard({ alert, names, focused = false }: CardProps) {
    const [steps, setSteps] = useState(focused);
    const reason = reasonText(alert.reason);
    return (
        <li class={`card alert ${alert.urgencyLevel} ${alert.acknowledgedAt ? 'done' : ''}`} data-alert={alert.id}>
            <div class="alert-head">
                <UrgencyBadge level={alert.urgencyLevel} />
                <Badge tone={TONES[alert.status]}>{t(`alertStatus.${alert.status}`)}</Badge>
                <When at={alert.createdAt} />
            </div>
            <h3>
                {alert.patientName ?? t('patient.unknown')}
                {alert.roomNumber && <span class="room">{t('room', { room: alert.roomNumber })}</span>}
            </h3>
            {reason && <p class="reason">{reason}</p>}
            <Who alert={alert} names={names} />
            <AlertActions alert={alert} />
            <div class="more">
                <button type="button" class="plain" aria-expanded={steps} onClick={() => setSteps(!steps)}>
                    {steps ? t('alert.hideSteps') : t('alert.showSteps')}
                </button>
                {alert.intakeFormId && (
                    <a class="button plain" href={`/forms/${alert.intakeFormId}`}>
                        {t('review.look')}
                    </a>
                )}
            </div>
            {steps && <Timeline id={alert.id} />}
        </li>
    );
}

interface ListProps {
    alerts: Alert[];
    names: (id: string | null) => string;
    empty: string;
    focus?: string;
}

// Open ones first as the server orders them (most urgent, then longest waiting), acknowledged below.
export function AlertList({ alerts, names, empty, focus }: ListProps) {
    const open = alerts.filter((a) => !a.acknowledgedAt);
    const done = alerts.filter((a) => a.acknowledgedAt);
    return (
        <>
            <p class="hidden" role="status">
                {t('alert.count', { open: open.length })}
            </p>
            {open.length === 0 && <p class="empty">{empty}</p>}
            <ul class="cards" aria-label={t('alert.open')}>
                {open.map((a) => (
                    <AlertCard key={a.id} alert={a} names={names} focused={a.id === focus} />
                ))}
            </ul>
            {done.length > 0 && (
                <>
                    <h2>{t('alert.acknowledged')}</h2>
                    <ul class="cards" aria-label={t('alert.acknowledged')}>
                        {done.map((a) => (
                            <AlertCard key={a.id} alert={a} names={names} focused={a.id === focus} />
                        ))}
                    </ul>
                </>
            )}
            {alerts.length > 0 && <Disclaimer />}
        </>
    );
}
