// What was read wrong, form by form: for the one who mends the reader.
//
//   node bench/forms/misses.mjs FORMS_DIR PRED.jsonl READ.jsonl [set]
//
// `set` (tuned or kept, of a made set) chooses forms. PRED and READ are what bench/forms_accuracy.sh
// leaves in the build folder. Rule: look at tuned forms only; kept ones are for the figures.
import fs from 'node:fs';

const [, , dir, predFile, readFile, set = ''] = process.argv;
const lines = (f) => fs.readFileSync(f, 'utf8').trim().split('\n').map((l) => JSON.parse(l));
const pred = new Map(lines(predFile).map((p) => [p.id, p]));
const read = new Map(lines(readFile).map((r) => [r.file.split('/').pop().replace(/\.[^.]+$/, ''), r]));
const folded = (s) => String(s ?? '').normalize('NFC').toUpperCase().replace(/[^\p{L}\p{N}]+/gu, '');
const KEY = { full_name: 'fullName', date_of_birth: 'dateOfBirth', insurance_id: 'insuranceId', phone: 'phone', chief_complaint: 'chiefComplaint' };
const total = { right: 0, missed: 0, invented: 0 };

// The ink of a card's place that no black box covers: its middle band, by points.
function covered(quad, page, boxes) {
    const at = (u, v) => [0, 1].map((i) => (quad[0][i] * (1 - u) + quad[1][i] * u) * (1 - v) + (quad[3][i] * (1 - u) + quad[2][i] * u) * v);
    let hit = 0;
    for (let i = 0; i < 40; i++)
        for (let j = 0; j < 10; j++) {
            const [x, y] = at(0.02 + (0.96 * i) / 39, 0.22 + (0.56 * j) / 9);
            hit += boxes.some((r) => r.page === page && x >= r.x && x <= r.x + r.w && y >= r.y && y <= r.y + r.h);
        }
    return hit / 400;
}

for (const g of lines(`${dir}/manifest.jsonl`)) {
    if (set && g.set !== set) continue;
    const p = pred.get(g.id);
    const r = read.get(g.id);
    const say = [];
    if (!p?.fields) {
        console.log(`${g.id} not read: ${r?.error?.detail ?? r?.error}`);
        continue;
    }
    for (const [k, want] of Object.entries(g.fields))
        if (k !== 'national_id_type' && folded(want) !== folded(k === 'phone' ? String(p.fields[k] ?? '').slice(-10) : p.fields[k]))
            say.push(`${k}: ${want} -> ${p.fields[k] ?? '-'} (${r.fields[KEY[k]]?.confidence ?? ''})`);
    for (const [k, want] of Object.entries(g.vitals ?? {}))
        if (typeof want === 'number' ? !(Math.abs(p.vitals[k] - want) < 0.11) || p.vitals[k] === null : want !== p.vitals[k]) say.push(`${k}: ${want} -> ${p.vitals[k] ?? '-'}`);
    if (!g.vitals) for (const [k, v] of Object.entries(p.vitals)) if (v !== null) say.push(`invented ${k} ${v}`);
    const missed = g.symptoms.filter((s) => !p.symptoms.includes(s));
    const invented = p.symptoms.filter((s) => !g.symptoms.includes(s));
    total.right += g.symptoms.length - missed.length;
    total.missed += missed.length;
    total.invented += invented.length;
    if (missed.length + invented.length) say.push(`boxes of ${g.symptoms.length} missed [${missed}] invented [${invented}] of ${r.symptoms.length} seen`);
    for (const s of g.sensitive) {
        const c = covered(s.quad, s.page, p.redactions);
        if (c < (s.type === 'pan' ? 0.97 : 0.9)) say.push(`${s.type} covered ${(100 * c).toFixed(0)} %`);
    }
    const over = g.words.filter((w) => w[2] !== 'p' && p.redactions.some((b) => b.page === w[0] && w[3] + w[5] / 2 > b.x && w[3] + w[5] / 2 < b.x + b.w && w[4] + w[6] / 2 > b.y && w[4] + w[6] / 2 < b.y + b.h));
    if (over.length) say.push(`blacked out besides: ${over.map((w) => w[1]).join(' ')}`);
    if (p.is_emergency !== g.is_emergency) say.push(`emergency ${g.is_emergency} (${g.emergency_by}) -> ${p.is_emergency}`);
    console.log(`${g.id} ${g.profile} ${g.layout} ${g.language} ${g.value_font}${g.handwritten_font ? ' WRITTEN' : ''} review ${p.requires_review} ${p.ocr_confidence}`);
    for (const s of say) console.log(`    ${s}`);
}
console.log(`boxes: precision ${((100 * total.right) / (total.right + total.invented)).toFixed(1)} recall ${((100 * total.right) / (total.right + total.missed)).toFixed(1)} (${total.right} right, ${total.missed} missed, ${total.invented} invented)`);
