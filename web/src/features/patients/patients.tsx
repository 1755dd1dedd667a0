// The clinic's patients by status, with a search that never leaves the server's blind index.
import { useEffect, useState } from 'preact/hooks';

import { t } from '../../app/i18n';
import { usePatients } from '../../lib/query';
import type { PatientStatus } from '../../lib/types';
import { Loaded, Title } from '../../ui/parts';
import { WaitingList } from './waiting';

const STATUSES: PatientStatus[] = ['WAITING', 'BEING_ATTENDED', 'DISCHARGED'];

// What was typed, once the person stops typing: each search is an audited read.
function useSettled(text: string): string {
    const [settled, setSettled] = useState(text);
    useEffect(() => {
        const timer = setTimeout(() => setSettled(text.trim()), 400);
        return () => clearTimeout(timer);
    }, [text]);
    return settled;
}

export default function Patients() {
    const [status, setStatus] = useState<PatientStatus>('WAITING');
    const [typed, setTyped] = useState('');
    const patients = usePatients(status, useSettled(typed));
    return (
        <div class="narrow">
            <Title>{t('nav.patients')}</Title>
            <div class="segments" role="group" aria-label={t('patient.status')}>
                {STATUSES.map((one) => (
                    <button type="button" key={one} aria-pressed={status === one} onClick={() => setStatus(one)}>
                        {t(`patientStatus.${one}`)}
                    </button>
                ))}
            </div>
            <label class="search">
                {t('patient.search')}
                <input type="search" value={typed} maxLength={100} autocomplete="off" onInput={(e) => setTyped(e.currentTarget.value)} />
            </label>
            <Loaded query={patients}>
                <WaitingList patients={patients.data?.items ?? []} />
            </Loaded>
        </div>
    );
}
