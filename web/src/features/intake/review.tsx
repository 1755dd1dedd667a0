// One form beside its page: what was read, how sure, where; correct it and confirm.
//
// Rule: only what the person changed is sent, and with the ETag of what they saw.
import { useMutation, useQueryClient } from '@tanstack/preact-query';
import { useEffect, useState } from 'preact/hooks';

import { t } from '../../app/i18n';
import { me, unsaved } from '../../app/session';
import { ApiProblem, patch } from '../../lib/api';
import { useForm, useFormState } from '../../lib/query';
import { FIELDS, type FieldKey, type Form, type Parsed } from '../../lib/types';
import { Badge, Disclaimer, Loaded, Problem, Title, UrgencyBadge } from '../../ui/parts';
import { LayoutNote } from './layout_note';
import { PageView } from './page_view';
import { isRead, Running } from './sent_form';
import { fieldText, Reasons, refusalText, ReviewWhy } from './why';

type Edits = Partial<Record<FieldKey, string>>;

const read = (parsed: Parsed, key: FieldKey) => String(parsed.fields[key].value ?? '');
const NUMERIC: readonly FieldKey[] = ['heartRate', 'respiratoryRate', 'systolicBp', 'diastolicBp', 'temperatureC', 'spo2', 'painScore'];

const LONG: readonly FieldKey[] = ['fullName', 'chiefComplaint', 'allergies', 'medications'];

function changed(parsed: Parsed, edits: Edits): Record<string, string | number | null> {
    const out: Record<string, string | number | null> = {};
    for (const key of FIELDS) {
        const text = edits[key]?.trim();
        if (text === undefined || text === read(parsed, key)) continue;
        const number = Number(text.replace(',', '.'));
        out[key] = text === '' ? null : NUMERIC.includes(key) && Number.isFinite(number) ? number : text;
    }
    return out;
}

function inputKind(key: FieldKey) {
    if (key === 'dateOfBirth') return { type: 'date' };
    if (key === 'phone') return { type: 'tel' };
    return NUMERIC.includes(key) ? { inputMode: 'decimal' as const } : {};
}

interface FieldProps {
    name: FieldKey;
    parsed: Parsed;
    value: string;
    locked: boolean;
    wrong: boolean;
    onEdit: (value: string) => void;
    onFocus: () => void;
}

function Field({ name, parsed, value, locked, wrong, onEdit, onFocus }: FieldProps) {
    const { confidence, value: was, learned } = parsed.fields[name];
    const doubtful = was !== null && confidence < 0.6;
    const hint = `hint-${name}`;
    const notes = [doubtful && t('review.doubtful'), wrong && t('review.wrong')].filter(Boolean).join(' · ');
    return (
        <label class={`field ${LONG.includes(name) ? 'long' : ''} ${doubtful || wrong ? 'doubt' : ''}`}>
            <span>
                {fieldText(name)}
                {was !== null && <span class="dim"> {`${Math.round(confidence * 100)}\u00a0%`}</span>}
                {learned && <span class="dim"> · {t('review.learned')}</span>}
            </span>
            <input
                {...inputKind(name)}
                name={name}
                value={value}
                readOnly={locked}
                autocomplete="off"
                maxLength={400}
                aria-invalid={wrong}
                aria-describedby={notes ? hint : undefined}
                onInput={(e) => onEdit(e.currentTarget.value)}
                onFocus={onFocus}
            />
            {notes && (
                <span id={hint} class="hint">
                    {notes}
                </span>
            )}
        </label>
    );
}

function wrongFields(error: unknown): string[] {
    return error instanceof ApiProblem ? error.pointers.map((p) => p.replace('/fields/', '')) : [];
}

function useConfirm(form: Form, etag: string) {
    const queries = useQueryClient();
    return useMutation({
        mutationFn: (fields: Record<string, string | number | null>) => patch(`/intake/${form.formId}/confirm`, { fields }, etag),
        onSettled: () => {
            for (const key of ['forms', 'queue', 'patients', 'alerts', 'flow']) void queries.invalidateQueries({ queryKey: [key] });
        },
    });
}

function Editor({ form, etag, parsed }: { form: Form; etag: string; parsed: Parsed }) {
    const [edits, setEdits] = useState<Edits>({});
    const [focus, setFocus] = useState<FieldKey>('fullName');
    const confirm = useConfirm(form, etag);
    const fields = changed(parsed, edits);
    const dirty = Object.keys(fields).length > 0;
    const done = form.status === 'CONFIRMED';
    const locked = done || me.value?.role === 'DOCTOR';
    const wrong = wrongFields(confirm.error);
    useEffect(() => {
        unsaved.value = dirty && !done;
        return () => {
            unsaved.value = false;
        };
    }, [dirty, done]);
    return (
        <div class="columns even review">
            {form.panDetected && !form.panRedacted ? (
                <p class="note no-page">{t('review.withheld')}</p>
            ) : form.pages === 0 ? (
                <p class="note no-page">{t('review.noPages')}</p>
            ) : (
                <PageView formId={form.formId} pages={form.pages ?? 1} field={parsed.fields[focus]} />
            )}
            <form
                class="fields"
                onSubmit={(e) => {
                    e.preventDefault();
                    confirm.mutate(fields, { onSuccess: () => setEdits({}) });
                }}
            >
                {FIELDS.map((key) => (
                    <Field
                        key={key}
                        name={key}
                        parsed={parsed}
                        value={edits[key] ?? read(parsed, key)}
                        locked={locked}
                        wrong={wrong.includes(key)}
                        onEdit={(value) => setEdits({ ...edits, [key]: value })}
                        onFocus={() => setFocus(key)}
                    />
                ))}
                {confirm.isError && <Problem error={confirm.error} />}
                {confirm.isSuccess && (
                    <p class="note good" role="status">
                        {t('review.confirmed')}
                    </p>
                )}
                {!locked && (
                    <button type="submit" class="primary big wide" disabled={confirm.isPending}>
                        {dirty ? t('review.confirmChanges') : t('review.confirm')}
                    </button>
                )}
            </form>
        </div>
    );
}

// Nothing was read, so nothing is said about an emergency: the form is as urgent as its paper.
function Unread({ form }: { form: Form }) {
    return (
        <>
            <p class="result-line">
                <Badge tone="bad">{t('formStatus.FAILED')}</Badge>
                {form.roomNumber && <span class="room">{t('room', { room: form.roomNumber })}</span>}
            </p>
            <div class="note bad">
                <p>{refusalText(form.error ?? 'other')}</p>
                {form.parsed && me.value?.role !== 'DOCTOR' && <p>{t('review.typeIn')}</p>}
            </div>
        </>
    );
}

// Still being read: how far it is, and the form as soon as it is done. Its emergency may be known
// before; that there is none is not.
function Unfinished({ form }: { form: Form }) {
    const queries = useQueryClient();
    const state = useFormState(form.formId).data;
    const done = state && (isRead(state) || state.status === 'FAILED');
    useEffect(() => {
        if (done) void queries.invalidateQueries({ queryKey: ['forms', form.formId, 'whole'] });
    }, [done]);
    return (
        <>
            <p class="result-line">
                {(state ?? form).alertId && <Badge tone="bad">{t('forms.emergency')}</Badge>}
                {form.roomNumber && <span class="room">{t('room', { room: form.roomNumber })}</span>}
            </p>
            <Running state={state ?? form} />
        </>
    );
}

function Summary({ form }: { form: Form }) {
    if (form.status === 'FAILED') return <Unread form={form} />;
    if (!isRead(form)) return <Unfinished form={form} />;
    return (
        <>
            <p class="result-line">
                <Badge tone={form.isEmergency ? 'bad' : 'plain'}>{form.isEmergency ? t('forms.emergency') : t('forms.noEmergency')}</Badge>
                {form.urgencyLevel && <UrgencyBadge level={form.urgencyLevel} />}
                {form.emergencyScore !== undefined && <span class="dim">{t('forms.score', { score: form.emergencyScore.toFixed(2) })}</span>}
                {form.roomNumber && <span class="room">{t('room', { room: form.roomNumber })}</span>}
            </p>
            {form.parsed && <Reasons triage={form.parsed.triage} />}
            {form.status === 'REVIEW' && form.parsed && <ReviewWhy why={form.parsed.reviewWhy} />}
            {form.duplicateOf && (
                <p class="note warn">
                    {t('forms.duplicate')} <a href={`/forms/${form.duplicateOf}`}>{t('forms.earlier')}</a>
                </p>
            )}
            {form.layout && <LayoutNote layout={form.layout} />}
            <Disclaimer />
        </>
    );
}

export default function Review({ id }: { id: string }) {
    const query = useForm(id, true);
    const form = query.data?.body;
    const reader = me.value?.role === 'DOCTOR';
    return (
        <>
            <Title
                side={
                    <a class="button small" href={reader ? '/alerts' : '/forms'}>
                        {t('back')}
                    </a>
                }
            >
                {reader ? t('review.titleRead') : t('review.title')}
            </Title>
            <Loaded query={query}>
                {form && <Summary form={form} />}
                {form?.parsed && <Editor form={form} etag={query.data!.etag} parsed={form.parsed} />}
            </Loaded>
        </>
    );
}
