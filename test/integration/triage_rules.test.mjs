// Other triage rules over stored forms, and the rules a clinic adds: `nexacore triage replay|overlay`
// against a real world.
//
// Rule: what the commands print holds ids, scores and rule labels, never a word of a form.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { PLAIN, plainForm } from '../lib/plain_form.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';
import { levelOf, recompute } from '../../tools/triage_recompute.mjs';

const HEAD = 'id\tgroup\tlevel\tpoints\tpersist\tage_months\tsex\tref\ten\tes\n';
const URGENT_EARS = `# version: north-1\n${HEAD}ear_pain\tent\tURGENT\t70\tcur\t*\t*\tour-own\tear ache|ringing ears\t\n`;
const LOWERED = `${HEAD}cardiac_arrest\tcirculation\tURGENT\t100\t24h\t*\t*\tour-own\tno pulse\t\n`;

let world;
let first; // the form read before the clinic had rules of its own
before(async () => {
    world = await startWorld({ workers: 1, env: { NEXACORE_REVIEW_SAMPLE: '0' } });
    first = await upload();
});
after(() => world?.stop());

async function upload() {
    const { body } = await world.as('admissions').upload(plainForm(), {});
    await world.form('admissions', body.formId);
    return (await world.as('admissions').get(`/api/v1/intake/${body.formId}`)).body;
}

function file(name, text) {
    const path = join(world.system.dir, name);
    fs.writeFileSync(path, text);
    return path;
}

function triage(args, env = { ...world.system.env }) {
    const run = spawnSync(world.system.binary, ['triage', ...args],
        { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8', timeout: 60_000 });
    for (const word of [PLAIN.fullName, PLAIN.chiefComplaint, PLAIN.insuranceId])
        assert.ok(!(run.stdout + run.stderr).includes(word) || args[0] === 'overlay', word);
    return { status: run.status, out: run.stdout, err: run.stderr };
}
const lines = ({ out }) => out.trim().split('\n').map((line) => JSON.parse(line));
const clinic = () => world.account('admin').clinicId;
const events = async (action) =>
    (await world.sql('SELECT count(*)::int AS n FROM audit_logs WHERE action = $1 AND clinic_id = $2', [action, clinic()]))[0].n;
const rows = () => world.sql('SELECT id, version, emergency_score FROM intake_forms ORDER BY id');

test('replay lists what other rules would change, is audited, and changes nothing', async () => {
    const kept = await rows();
    const run = triage(['replay', '--clinic', clinic(), '--overlay', file('ears.tsv', URGENT_EARS)]);
    assert.equal(run.status, 3, run.err);
    const [change, { summary }] = lines(run);
    assert.equal(change.form, first.formId);
    assert.deepEqual(change.before, { score: first.parsed.triage.score, level: first.parsed.triage.level, emergency: false });
    assert.equal(change.after.level, 'URGENT');
    assert.ok(change.after.score >= 0.7);
    assert.ok([...change.added, ...change.changed].includes('ear_pain'), run.out);
    assert.deepEqual(summary, { forms: 1, changed: 1, raised: 1, lowered: 0, newEmergencies: 1, noLongerEmergencies: 0, unreadable: 0 });
    assert.equal(await events('TRIAGE_REPLAYED'), 1);
    assert.deepEqual(await rows(), kept);
});

test('rules that change nothing say so; every clinic can be asked at once', async () => {
    const lexicon = new URL('../../data/lexicon.tsv', import.meta.url).pathname;
    const run = triage(['replay', '--all', '--lexicon', lexicon]);
    assert.equal(run.status, 0, run.err);
    assert.equal(lines(run).length, 1);
    assert.equal(lines(run)[0].summary.changed, 0);
});

test('forms of a file need no database', () => {
    const path = file('forms.jsonl', `${JSON.stringify(first)}\n`);
    const overlay = file('ears.tsv', URGENT_EARS);
    const run = triage(['replay', '--forms', path, '--overlay', overlay], {});
    assert.equal(run.status, 3, run.err);
    assert.equal(lines(run)[0].form, first.formId);
    const back = triage(['replay', '--forms', path, '--before-overlay', overlay], {});
    assert.equal(lines(back)[0].after.score, first.parsed.triage.score);
    assert.equal(lines(back)[1].summary.lowered, 1);
    const bad = triage(['replay', '--forms', file('bad.jsonl', '{"fields":{}}\nno\n')], {});
    assert.equal(bad.status, 1);
    assert.match(bad.err, /line 2/);
});

test('a bad rule file is refused with line and reason, a wrong use with the help', () => {
    for (const step of ['replay', 'overlay']) {
        const run = triage([step, '--clinic', clinic(), '--overlay', file('lowered.tsv', LOWERED)]);
        assert.equal(run.status, step === 'replay' ? 2 : 1, run.err);
        assert.match(run.err, /overlay line 2: an overlay may raise a concept, not lower it/);
    }
    assert.equal(triage(['replay']).status, 2);
    assert.equal(triage(['replay', '--all', '--emergency-at', '80']).status, 2);
    assert.equal(triage(['replay', '--all', '--lexicon', '/nowhere']).status, 2);
    assert.equal(triage(['overlay', '--clinic', 'x']).status, 2);
});

test("a clinic's own rules score its next form, are named in it, and are audited", async () => {
    const set = triage(['overlay', '--clinic', clinic(), '--overlay', file('ears.tsv', URGENT_EARS)]);
    assert.equal(set.status, 0, set.err);
    assert.equal(triage(['overlay', '--clinic', clinic()]).out, URGENT_EARS);
    const next = await upload();
    assert.equal(next.isEmergency, true);
    assert.ok(next.alertId);
    assert.match(next.parsed.triage.ruleset.version, /^2026\.\d+-\d+\+north-1$/);
    assert.notEqual(next.parsed.triage.ruleset.sha256, first.parsed.triage.ruleset.sha256);
    assert.equal(await events('TRIAGE_OVERLAY_SET'), 1);
    const reason = next.parsed.triage.reasons.find((r) => r.rule === 'ear_pain');
    assert.deepEqual(reason.box, next.parsed.fields.chiefComplaint.box);
    assert.equal(reason.page, next.parsed.fields.chiefComplaint.page);
    const removed = triage(['overlay', '--clinic', clinic(), '--remove']);
    assert.equal(removed.status, 0, removed.err);
    assert.equal(await events('TRIAGE_OVERLAY_REMOVED'), 1);
    assert.deepEqual((await upload()).parsed.triage, first.parsed.triage);
});

test('a form says where each reason stands, and its score follows from them', async () => {
    const { body } = await world.as('admissions').upload(formBytes('es-table-vitals.tif'), {});
    await world.form('admissions', body.formId);
    const { parsed } = (await world.as('admissions').get(`/api/v1/intake/${body.formId}`)).body;
    const { triage: t, fields } = parsed;
    assert.equal(recompute(t.reasons), Math.round(t.score * 100));
    assert.equal(levelOf(Math.round(t.score * 100)), t.level);
    const news2 = t.reasons.find((r) => r.rule === 'news2');
    assert.equal(news2.parts.reduce((sum, p) => sum + p.points, 0), t.news2);
    assert.deepEqual(news2.box, fields[news2.parts[0].field].box);
    const [row] = await world.sql('SELECT triage FROM intake_forms WHERE id = $1', [body.formId]);
    assert.deepEqual(row.triage, t, 'the same is kept beside the form');
});

test('an overlay that got in otherwise and is refused sends the form to a person', async () => {
    await world.sql('UPDATE clinic_settings SET triage_overlay = $1 WHERE clinic_id = $2', [LOWERED, clinic()]);
    const form = await upload();
    assert.equal(form.status, 'REVIEW');
    assert.ok(form.parsed.reviewWhy.includes('clinic-rules-refused'));
    assert.deepEqual(form.parsed.triage, first.parsed.triage);
});
