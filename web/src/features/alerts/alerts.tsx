// The alerts of a doctor (phone first) or of the whole clinic (admin): most urgent on top, live.
import { useState } from 'preact/hooks';

import { t } from '../../app/i18n';
import { me } from '../../app/session';
import { useAlerts, useNames } from '../../lib/query';
import { Loaded, Title } from '../../ui/parts';
import { AlertList } from './card';
import { alarm, setAlarm } from './signal_alarm';

function AlarmSwitch() {
    return (
        <label class="switch">
            <input type="checkbox" role="switch" checked={alarm.value} onChange={(e) => setAlarm(e.currentTarget.checked)} />
            {t('alarm')}
        </label>
    );
}

function ScopeSwitch({ scope, onScope }: { scope: 'mine' | 'clinic'; onScope: (scope: 'mine' | 'clinic') => void }) {
    return (
        <div class="segments" role="group" aria-label={t('scope')}>
            {(['mine', 'clinic'] as const).map((one) => (
                <button type="button" key={one} aria-pressed={scope === one} onClick={() => onScope(one)}>
                    {t(`scope.${one}`)}
                </button>
            ))}
        </div>
    );
}

export default function Alerts({ id }: { id?: string }) {
    const doctor = me.value?.role === 'DOCTOR';
    const [scope, setScope] = useState<'mine' | 'clinic'>(doctor ? 'mine' : 'clinic');
    const alerts = useAlerts(scope);
    const names = useNames();
    return (
        <div class="narrow">
            <Title side={<AlarmSwitch />}>{t('nav.alerts')}</Title>
            {doctor && <ScopeSwitch scope={scope} onScope={setScope} />}
            <Loaded query={alerts}>
                <AlertList alerts={alerts.data?.items ?? []} names={names} empty={t('alert.none')} {...(id ? { focus: id } : {})} />
            </Loaded>
        </div>
    );
}
