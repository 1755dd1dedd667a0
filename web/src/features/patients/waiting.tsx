// Patients as rows: who, how urgent, how long, and the next step of their visit.
import { useMutation, useQueryClient } from '@tanstack/preact-query';

import { t } from '../../app/i18n';
import { me } from '../../app/session';
import { patch } from '../../lib/api';
import { clock, plainDate, waited } from '../../lib/time';
import type { Patient, PatientStatus } from '../../lib/types';
import { Empty, Problem, UrgencyBadge } from '../../ui/parts';

// The steps of SPEC 5; ADMISSIONS may only undo.
function nextSteps(patient: Patient): PatientStatus[] {
    const clerk = me.value?.role === 'ADMISSIONS';
    if (patient.status === 'WAITING') return clerk ? [] : ['BEING_ATTENDED'];
    if (patient.status === 'BEING_ATTENDED') return clerk ? ['WAITING'] : ['DISCHARGED', 'WAITING'];
    return [];
}

const STEP = { BEING_ATTENDED: 'patient.attend', DISCHARGED: 'patient.discharge', WAITING: 'patient.undo' } as const;

function Steps({ patient }: { patient: Patient }) {
    const queries = useQueryClient();
    const move = useMutation({
        mutationFn: (status: PatientStatus) => patch(`/patients/${patient.id}/status`, { status }),
        onSettled: () => {
            for (const key of ['patients', 'flow', 'alerts']) void queries.invalidateQueries({ queryKey: [key] });
        },
    });
    const name = patient.fullName ?? t('patient.unknown');
    const steps = nextSteps(patient);
    if (steps.length === 0) return null;
    return (
        <>
            <div class="actions tight">
                {steps.map((status) => (
                    <button
                        type="button"
                        class="small"
                        key={status}
                        disabled={move.isPending}
                        aria-label={`${t(STEP[status])}: ${name}`}
                        onClick={() => move.mutate(status)}
                    >
                        {t(STEP[status])}
                    </button>
                ))}
            </div>
            {move.isError && <Problem error={move.error} />}
        </>
    );
}

function since(patient: Patient): string {
    if (patient.status === 'WAITING') return t('patient.waits', { wait: waited(patient.arrivedAt) });
    if (patient.status === 'BEING_ATTENDED' && patient.attendedAt) return t('patient.attendedAt', { time: clock(patient.attendedAt) });
    return patient.dischargedAt ? t('patient.dischargedAt', { time: clock(patient.dischargedAt) }) : '';
}

export function WaitingList({ patients }: { patients: Patient[] }) {
    if (patients.length === 0) return <Empty>{t('patient.none')}</Empty>;
    return (
        <ul class="rows">
            {patients.map((p) => (
                <li key={p.id} class="row">
                    <div class="row-main">
                        <strong>{p.fullName ?? t('patient.unknown')}</strong>
                        <span class="dim">
                            {since(p)}
                            {p.dateOfBirth && ` · ${t('patient.born', { date: plainDate(p.dateOfBirth) })}`}
                        </span>
                    </div>
                    {p.urgencyLevel && <UrgencyBadge level={p.urgencyLevel} />}
                    <Steps patient={p} />
                </li>
            ))}
        </ul>
    );
}
