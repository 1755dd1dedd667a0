// Why a form was scored as it was, and why somebody must look at it: in plain words.
import { ruleText, t, tOr } from '../../app/i18n';
import { FIELDS, type FieldKey, type Parsed } from '../../lib/types';

const isField = (key: string): key is FieldKey => (FIELDS as readonly string[]).includes(key);
export const fieldText = (key: string) => (isField(key) ? t(`field.${key}`) : key);

export function Reasons({ triage }: { triage: Parsed['triage'] }) {
    const counted = triage.reasons.filter((r) => r.counted);
    if (counted.length === 0 && triage.missing.length === 0) return null;
    return (
        <details class="reasons">
            <summary>{counted.length ? t('reasons.because', { what: counted.map((r) => ruleText(r.rule)).join(', ') }) : t('reasons.none')}</summary>
            <ul>
                {counted.map((r, i) => (
                    <li key={i}>
                        {ruleText(r.rule)} <span class="dim">{t('reasons.points', { points: r.points, source: r.source })}</span>
                    </li>
                ))}
            </ul>
            {triage.missing.length > 0 && <p class="dim">{t('reasons.missing', { what: triage.missing.map(fieldText).join(', ') })}</p>}
            <p class="dim">{t('reasons.rules', { version: triage.ruleset.version })}</p>
        </details>
    );
}

// "missing:fullName" and the like.
export function whyText(code: string): string {
    const [what = '', field = ''] = code.split(':');
    const text = tOr(`why.${what}`, 'why.other');
    return field ? `${text}: ${fieldText(field)}` : text;
}

export function ReviewWhy({ why }: { why: string[] }) {
    // What cannot be read is missing too, and too much to black out withholds the page; once is enough.
    const said = (code: string) =>
        (code.startsWith('missing:') && why.includes(code.replace('missing:', 'unreadable:'))) ||
        (code === 'redaction-incomplete' && why.includes('page-withheld'));
    const shown = why.filter((code) => !said(code));
    return (
        <div class="note warn">
            <p>
                <strong>{t('review.needed')}</strong>
            </p>
            <ul>
                {(shown.length ? shown : ['sample']).map((code) => (
                    <li key={code}>{whyText(code)}</li>
                ))}
            </ul>
        </div>
    );
}

// Why a file was refused or could not be read.
export function refusalText(code: string): string {
    return tOr(`refusal.${code}`, 'refusal.other');
}
