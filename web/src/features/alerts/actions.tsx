// What a person can do with an alert: acknowledge, attend, escalate with a reason, close.
//
// Rule: after every answer, good or bad, the lists are read again: what is shown is the server's state.
import { useMutation, useQueryClient } from '@tanstack/preact-query';
import { useState } from 'preact/hooks';

import { t } from '../../app/i18n';
import { me } from '../../app/session';
import { patch, post } from '../../lib/api';
import type { Alert } from '../../lib/types';
import { Icon } from '../../ui/icons';
import { Dialog, Problem } from '../../ui/parts';

type Change =
    | { kind: 'acknowledge'; attend: boolean }
    | { kind: 'escalate'; reason: string }
    | { kind: 'close' };

function send(id: string, change: Change): Promise<Alert> {
    if (change.kind === 'acknowledge') return patch(`/alerts/${id}/acknowledge`, { attend: change.attend });
    if (change.kind === 'close') return patch(`/alerts/${id}/close`, {});
    return post(`/alerts/${id}/escalate`, change.reason ? { reason: change.reason } : {});
}

function EscalateDialog({ onSend, onClose }: { onSend: (reason: string) => void; onClose: () => void }) {
    const [reason, setReason] = useState('');
    return (
        <Dialog label={t('alert.escalate')} onClose={onClose}>
            <form
                method="dialog"
                onSubmit={() => {
                    onSend(reason.trim());
                }}
            >
                <p>{t('alert.escalateLong')}</p>
                <label>
                    {t('alert.escalateReason')}
                    <textarea rows={3} maxLength={500} value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
                </label>
                <div class="actions">
                    <button type="submit" class="primary">
                        {t('alert.escalate')}
                    </button>
                    <button type="button" onClick={onClose}>
                        {t('cancel')}
                    </button>
                </div>
            </form>
        </Dialog>
    );
}

function mayClose(alert: Alert): boolean {
    return me.value?.role === 'ADMIN' || alert.acknowledgedBy === me.value?.id;
}

export function AlertActions({ alert }: { alert: Alert }) {
    const queries = useQueryClient();
    const [escalating, setEscalating] = useState(false);
    const change = useMutation({
        mutationFn: (wanted: Change) => send(alert.id, wanted),
        onSettled: () => {
            for (const key of ['alerts', 'flow', 'patients']) void queries.invalidateQueries({ queryKey: [key] });
        },
    });
    const busy = change.isPending;
    const open = alert.status !== 'ACKNOWLEDGED' && alert.status !== 'CLOSED';
    const acknowledge = (attend: boolean) => change.mutate({ kind: 'acknowledge', attend });
    const doctor = me.value?.role === 'DOCTOR';
    if (me.value?.role === 'ADMISSIONS') return null;
    return (
        <>
            {change.isError && <Problem error={change.error} />}
            {open && (
                <div class="actions">
                    <button type="button" class="primary big" disabled={busy} onClick={() => acknowledge(false)}>
                        <Icon name="check" />
                        {t('alert.acknowledge')}
                    </button>
                    {doctor && (
                        <button type="button" class="big" disabled={busy} onClick={() => acknowledge(true)}>
                            {t('alert.attend')}
                        </button>
                    )}
                    <button type="button" class="big quiet" disabled={busy} onClick={() => setEscalating(true)}>
                        <Icon name="up" />
                        {t('alert.escalate')}
                    </button>
                </div>
            )}
            {alert.status === 'ACKNOWLEDGED' && mayClose(alert) && (
                <div class="actions">
                    <button type="button" disabled={busy} onClick={() => change.mutate({ kind: 'close' })}>
                        {t('alert.close')}
                    </button>
                </div>
            )}
            {escalating && (
                <EscalateDialog
                    onClose={() => setEscalating(false)}
                    onSend={(reason) => change.mutate({ kind: 'escalate', reason })}
                />
            )}
        </>
    );
}
