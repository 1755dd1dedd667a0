// Whether a confidence means what it says: values by the confidence they were given, and how many of
// them are right.
//
//   node bench/forms/calibration.mjs FORMS_DIR READ.jsonl [set]
//
// READ is what `nexacore read` printed for the forms (bench/forms_accuracy.sh leaves it in the build
// folder); `set`: tuned or kept, of a made set. "off" of a table is the mean distance between said and
// true, weighted by values (expected calibration error). Rule: a value that was not given counts
// nowhere; how many those are stands in the last line.
import fs from 'node:fs';

const [, , dir, readFile, set = ''] = process.argv;
const lines = (f) => fs.readFileSync(f, 'utf8').trim().split('\n').map((l) => JSON.parse(l));
const read = new Map(lines(readFile).map((r) => [r.file.split('/').pop().replace(/\.[^.]+$/, ''), r]));

// Right as test/data/forms/score.mjs has it.
const norm = (s) => String(s ?? '').normalize('NFC').toUpperCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
const bare = (s) => norm(s).replaceAll(' ', '');
const digits = (s) => String(s ?? '').replace(/\D/g, '');
function edits(a, b) {
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
        const next = [i];
        for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] !== b[j - 1]));
        row = next;
    }
    return row.at(-1);
}
const FIELDS = {
    fullName: ['full_name', (want, got) => norm(want) === norm(got)],
    dateOfBirth: ['date_of_birth', (want, got) => want === got],
    insuranceId: ['insurance_id', (want, got) => bare(want) === bare(got)],
    phone: ['phone', (want, got) => digits(got).slice(-10) === want],
    chiefComplaint: ['chief_complaint', (want, got) => edits(norm(want), norm(got)) <= norm(want).length * 0.1],
};
const VITALS = { heartRate: 'hr', systolicBp: 'bp_sys', diastolicBp: 'bp_dia', respiratoryRate: 'rr', spo2: 'spo2', temperatureC: 'temp_c', consciousness: 'consciousness' };

const said = { 'names, dates, ids': [], 'complaints': [], 'vital signs': [], 'typed, all': [], 'written, all': [], 'boxes to mark': [], 'the same key fields, by form': [] };
let missing = 0;
let unread = 0;
for (const truth of lines(`${dir}/manifest.jsonl`)) {
    if (set && truth.set !== set) continue;
    const form = read.get(truth.id);
    if (!form?.fields) {
        unread++;
        continue;
    }
    const take = (group, field, right) => {
        if (field?.value === null || field?.value === undefined) return void missing++;
        for (const g of [group, truth.handwritten_font ? 'written, all' : 'typed, all']) said[g].push([field.confidence, right]);
    };
    for (const [key, [name, same]] of Object.entries(FIELDS))
        take(key === 'chiefComplaint' ? 'complaints' : 'names, dates, ids', form.fields[key], same(truth.fields[name], form.fields[key]?.value));
    for (const [key, name] of Object.entries(truth.vitals ? VITALS : {})) {
        const [want, got] = [truth.vitals[name], form.fields[key]?.value];
        take('vital signs', form.fields[key], typeof want === 'number' ? Math.abs(got - want) < 0.11 : want === got);
    }
    for (const s of form.symptoms) if (s.checked !== null) said['boxes to mark'].push([s.confidence, truth.symptoms.includes(s.concept) === s.checked]);
    const key = Object.entries(FIELDS).filter(([k]) => k !== 'chiefComplaint');
    said['the same key fields, by form'].push([form.ocrConfidence, key.every(([k, [name, same]]) => same(truth.fields[name], form.fields[k]?.value))]);
}

const EDGES = [0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0001];
for (const [group, all] of Object.entries(said)) {
    if (!all.length) continue;
    let off = 0;
    console.log(`\n${group} (${all.length})\n\n| confidence | values | mean said | right |\n|---|---|---|---|`);
    for (let i = 0; i + 1 < EDGES.length; i++) {
        const bin = all.filter(([c]) => c >= EDGES[i] && c < EDGES[i + 1]);
        if (!bin.length) continue;
        const mean = bin.reduce((sum, [c]) => sum + c, 0) / bin.length;
        const right = bin.filter(([, r]) => r).length / bin.length;
        off += (bin.length / all.length) * Math.abs(mean - right);
        console.log(`| ${EDGES[i].toFixed(2)}-${Math.min(1, EDGES[i + 1]).toFixed(2)} | ${bin.length} | ${mean.toFixed(2)} | ${(100 * right).toFixed(0)} % |`);
    }
    console.log(`\noff ${off.toFixed(3)}`);
}
console.log(`\n${missing} values were not given; ${unread} forms were not read`);
