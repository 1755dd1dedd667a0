// One form of this session: its progress while it is read, then what came out of it.
import { t } from '../../app/i18n';
import { useForm, useFormState } from '../../lib/query';
import { clock } from '../../lib/time';
import type { FormState } from '../../lib/types';
import { Icon } from '../../ui/icons';
import { Badge, Disclaimer, Problem, UrgencyBadge } from '../../ui/parts';
import { Reasons, refusalText, ReviewWhy } from './why';
import { mayRetry, send, type Sent } from './uploads';

export const isRead = (s: FormState) => s.status === 'PROCESSED' || s.status === 'REVIEW' || s.status === 'CONFIRMED';

function Refused({ sent, code }: { sent: Sent; code: string }) {
    return (
        <div class="note bad" role="alert">
            <p>{refusalText(code)}</p>
            {sent.file && mayRetry(code) && (
                <button type="button" class="small" onClick={() => void send(sent.key)}>
                    {t('retry')}
                </button>
            )}
        </div>
    );
}

export function Running({ state }: { state: FormState | undefined }) {
    const text = state ? t(`formStatus.${state.status}`) : t('forms.sending');
    return (
        <div class="running">
            <span>{text}</span>
            <progress max={100} value={state?.progress ?? 0} aria-label={text} />
        </div>
    );
}

function Verdict({ state }: { state: FormState }) {
    if (!state.isEmergency) return <p class="verdict calm">{t('forms.noEmergency')}</p>;
    return (
        <p class="verdict emergency">
            <Icon name="CRITICAL" />
            {t('forms.emergencyLong')}
        </p>
    );
}

function Result({ state }: { state: FormState }) {
    const form = useForm(state.formId, true);
    const parsed = form.data?.body.parsed;
    const score = state.emergencyScore?.toFixed(2);
    return (
        <>
            <Verdict state={state} />
            <p class="result-line">
                <strong>{parsed?.fields.fullName.value ?? t('patient.unknown')}</strong>
                {state.urgencyLevel && <UrgencyBadge level={state.urgencyLevel} />}
                {score && <span class="dim">{t('forms.score', { score })}</span>}
                {state.panDetected && (
                    <Badge tone="plain">
                        <Icon name="card" />
                        {t(state.panRedacted ? 'forms.cardRemoved' : 'forms.cardWithheld')}
                    </Badge>
                )}
            </p>
            {form.isError && <Problem error={form.error} />}
            {parsed && <Reasons triage={parsed.triage} />}
            {state.status === 'REVIEW' && parsed && <ReviewWhy why={parsed.reviewWhy} />}
            <div class="actions">
                <a class={`button ${state.status === 'REVIEW' ? 'primary' : ''}`} href={`/forms/${state.formId}`}>
                    <Icon name="eye" />
                    {state.status === 'CONFIRMED' ? t('review.look') : t('review.check')}
                </a>
            </div>
            <Disclaimer />
        </>
    );
}

function Tracked({ sent, formId }: { sent: Sent; formId: string }) {
    const query = useFormState(formId);
    const state = query.data;
    return (
        <>
            <Head sent={sent} state={state} />
            {sent.duplicateOf && (
                <p class="note warn">
                    {t('forms.duplicate')} <a href={`/forms/${sent.duplicateOf}`}>{t('forms.earlier')}</a>
                </p>
            )}
            {query.isError && !state && <Problem error={query.error} />}
            {state?.status === 'FAILED' && (
                <>
                    <Refused sent={sent} code={state.error ?? 'other'} />
                    <a class="button" href={`/forms/${formId}`}>
                        {t('forms.typeIn')}
                    </a>
                </>
            )}
            {state && isRead(state) && <Result state={state} />}
            {!query.isError && state?.status !== 'FAILED' && !(state && isRead(state)) && <Running state={state} />}
        </>
    );
}

function Head({ sent, state }: { sent: Sent; state?: FormState | undefined }) {
    return (
        <div class="sent-head">
            <h3>{sent.name || t('forms.formOf', { time: clock(sent.at) })}</h3>
            {sent.room && <span class="room">{t('room', { room: sent.room })}</span>}
            {state && isRead(state) && (
                <Badge tone={state.status === 'REVIEW' ? 'warn' : 'good'}>{t(`formStatus.${state.status}`)}</Badge>
            )}
        </div>
    );
}

export function SentForm({ sent }: { sent: Sent }) {
    return (
        <li class="card sent">
            {sent.formId ? (
                <Tracked sent={sent} formId={sent.formId} />
            ) : (
                <>
                    <Head sent={sent} />
                    {sent.refusal ? <Refused sent={sent} code={sent.refusal} /> : <Running state={undefined} />}
                </>
            )}
        </li>
    );
}
