// The flow board of the clinic: how many, how long, which alerts, who waits. Live.
import { t } from '../../app/i18n';
import { useAlerts, useFlow, useNames, usePatients, useQueue } from '../../lib/query';
import { clock, minutes } from '../../lib/time';
import { type Flow, URGENCIES } from '../../lib/types';
import { Icon } from '../../ui/icons';
import { Loaded, Title } from '../../ui/parts';
import { AlertList } from '../alerts/card';
import { WaitingList } from '../patients/waiting';

function Tile({ label, value, note }: { label: string; value: string | number; note?: string }) {
    return (
        <div class="tile">
            <dt>{label}</dt>
            <dd>
                {value}
                {note && <small>{note}</small>}
            </dd>
        </div>
    );
}

function Counts({ flow }: { flow: Flow }) {
    const { counts, today, waitMinutes: wait } = flow;
    return (
        <dl class="tiles">
            <Tile label={t('patientStatus.WAITING')} value={counts.WAITING} />
            <Tile label={t('patientStatus.BEING_ATTENDED')} value={counts.BEING_ATTENDED} />
            <Tile label={t('flow.discharged')} value={today.discharged} />
            <Tile label={t('flow.arrived')} value={today.arrived} />
            <Tile label={t('flow.wait')} value={minutes(wait.median)} note={t('flow.p90', { wait: minutes(wait.p90) })} />
        </dl>
    );
}

function Urgencies({ flow }: { flow: Flow }) {
    return (
        <dl class="tiles urgencies" aria-label={t('flow.activeAlerts')}>
            {URGENCIES.map((level) => (
                <div key={level} class={`tile urgency ${level} ${flow.activeAlerts[level] ? '' : 'zero'}`}>
                    <dt>
                        <Icon name={level} />
                        {t(`urgency.${level}`)}
                    </dt>
                    <dd>{flow.activeAlerts[level]}</dd>
                </div>
            ))}
        </dl>
    );
}

function ReviewLink() {
    const queue = useQueue();
    const count = queue.data?.items.length ?? 0;
    if (!count) return null;
    return (
        <p class="note warn">
            {t('flow.toReview', { count })} <a href="/forms">{t('flow.openReview')}</a>
        </p>
    );
}

export default function Board() {
    const flow = useFlow();
    const alerts = useAlerts('clinic');
    const waiting = usePatients('WAITING');
    const names = useNames();
    return (
        <>
            <Title side={flow.data && <span class="dim">{t('flow.asOf', { time: clock(flow.data.asOf) })}</span>}>{t('nav.board')}</Title>
            <Loaded query={flow}>{flow.data && <Counts flow={flow.data} />}</Loaded>
            <ReviewLink />
            <div class="columns">
                <section aria-labelledby="board-alerts">
                    <h2 id="board-alerts">{t('flow.activeAlerts')}</h2>
                    {flow.data && <Urgencies flow={flow.data} />}
                    <Loaded query={alerts}>
                        <AlertList alerts={alerts.data?.items ?? []} names={names} empty={t('alert.none')} />
                    </Loaded>
                </section>
                <section aria-labelledby="board-waiting">
                    <h2 id="board-waiting">{t('flow.waitingPatients')}</h2>
                    <Loaded query={waiting}>
                        <WaitingList patients={waiting.data?.items ?? []} />
                    </Loaded>
                </section>
            </div>
        </>
    );
}
