// `nexacore pan` and `nexacore triage` as filters: what is documented for scripts, end to end.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { levelOf, recompute } from '../../tools/triage_recompute.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const binary = join(resolve(root, process.env.NEXACORE_BUILD ?? 'build-test'), 'nexacore');

before(() => assert.ok(fs.existsSync(binary), `no ${binary}`));

function filter(args, input) {
    const run = spawnSync(binary, args,
        { input, encoding: 'utf8', timeout: 60000, maxBuffer: 64 << 20 });
    return { status: run.status, out: run.stdout, err: run.stderr };
}
const score = patients => {
    const { status, out } = filter(['triage', 'score', '--explain'],
        patients.map(p => JSON.stringify(p)).join('\n') + '\n');
    assert.equal(status, 0);
    return out.trim().split('\n').map(line => JSON.parse(line));
};

describe('nexacore pan', () => {
    test('masks the text of stdin and leaves the rest byte for byte', () => {
        const { status, out } = filter(['pan'],
            'Señora, 4111 1111 1111 1111 exp 05/28\nTel 310 555 0142');
        assert.equal(status, 0);
        assert.equal(out, 'Señora, ************1111 exp **/**\nTel 310 555 0142');
    });
    test('masked text goes through unchanged, also a long one', () => {
        const text = 'paga 5555555555554444 CVV 123, niega dolor. '.repeat(5000);
        const once = filter(['pan'], text).out;
        assert.ok(!once.includes('555555555555'));
        assert.equal(filter(['pan'], once).out, once);
    });
    test('--spans gives one line of JSON for each line, in bytes', () => {
        const { out } = filter(['pan', '--spans'], 'ñ 4111111111111111\nnothing\n');
        assert.deepEqual(out.trim().split('\n').map(l => JSON.parse(l).spans), [[[3, 19, 'pan']], []]);
    });
    test('--spans --rules names the rule of each', () => {
        const { out } = filter(['pan', '--spans', '--rules'],
            '4111111111111111 exp 05/28 CVV 123\n;4111111111111111=29122014195733637?\n');
        assert.deepEqual(out.trim().split('\n').map(l => JSON.parse(l).spans.map(s => s.slice(2))),
            [[['pan', 'solid'], ['expiry', 'label'], ['cvv', 'label']], [['track', 'track2']]]);
    });
});

describe('every command', () => {
    test('a wrong option, command or argument exits with 2 and says where help is', () => {
        for (const args of [['nothing'], ['pan', '--nothing'], ['triage'], ['triage', 'x'], ['read'], ['read', '--nothing'],
            ['keys', 'x'], ['clinic', '--nothing'], ['user'], ['serve', 'x'], []]) {
            const { status, out, err } = filter(args, '');
            assert.equal(status, 2, args.join(' '));
            assert.match(args.length ? err : out, /help|settings|no such step/, args.join(' '));
        }
    });
    test('help is printed for --help, help and -h', () => {
        const texts = ['--help', 'help', '-h'].map((arg) => filter([arg], ''));
        for (const { status, out } of texts) assert.deepEqual([status, out], [0, texts[0].out]);
        assert.match(texts[0].out, /nexacore COMMAND/);
    });
    test('a full disk is no success', () => {
        for (const args of ['--version', '--help', 'pan', 'triage context'])
            assert.deepEqual(spawnSync('sh', ['-c', `printf 'en\tpain\tno pain\n' | "$0" ${args} > /dev/full; echo $?`, binary],
                { encoding: 'utf8' }).stdout, '1\n', args);
    });
});

describe('nexacore triage', () => {
    test('context: a line of another form is named, and answers stay beside their lines', () => {
        const { status, out, err } = filter(['triage', 'context'], 'en\tpain\tno pain\npain\nen\tcough\tcough\n');
        assert.deepEqual([status, out], [1, 'negated\naffirmed\naffirmed\n']);
        assert.match(err, /line 2: is not LANG TAB PHRASE TAB SENTENCE/);
    });
    test('prints score, level, emergency and review for each patient', () => {
        const { status, out } = filter(['triage', 'score'], [
            '{"id":"1","lang":"es","age_months":600,"sex":"M","complaint":"dolor torácico","vitals":{}}',
            '{"id":"2","lang":"en","age_months":600,"sex":"F","complaint":"sore throat","vitals":{}}',
        ].join('\n') + '\n');
        assert.equal(status, 0);
        assert.deepEqual(out.trim().split('\n'), ['0.66\tURGENT\t1\t0', '0.12\tLOW\t0\t0']);
    });
    test('every score follows from its own explanation', () => {
        const complaints = ['chest pain, sweating', 'fever and cough', 'knee pain', 'no pulse',
            'denies chest pain', '', 'xyz', 'dizziness, vomiting, headache, back pain'];
        const vitals = [{}, { rr: 26, spo2: 90, hr: 130, sbp: 85, temp_c: 39.5, acvpu: 'V', pain: 9 },
            { rr: 16, spo2: 98, hr: 80, sbp: 120, temp_c: 36.6, acvpu: 'A', pain: 0 }];
        const patients = complaints.flatMap(complaint => vitals.flatMap(v => [2, 40, 900]
            .map(age_months => ({ id: 'p', lang: 'en', age_months, complaint, vitals: v }))));
        for (const { triage } of score(patients)) {
            assert.equal(recompute(triage.reasons), Math.round(triage.score * 100));
            assert.equal(levelOf(Math.round(triage.score * 100)), triage.level);
            assert.match(triage.ruleset.sha256, /^[0-9a-f]{64}$/);
        }
    });
    test('each of 2,000 drawn forms scores what its reasons give, in one run', () => {
        let seed = 20261122;
        const drawn = n => {
            seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
            return ((seed ^ (seed >>> 13)) >>> 0) % n;
        };
        const maybe = (from, to) => (drawn(4) === 0 ? undefined : from + drawn(to - from + 1));
        const rows = fs.readFileSync(join(root, 'test/data/triage/presentations_own.tsv'), 'utf8')
            .split('\n').filter(l => /^(es|en)\t/.test(l)).map(l => l.split('\t'));
        const boxes = ['chest_pain', 'short_breath', 'fever', 'suicidal', 'nausea', 'no_such_box'];
        const patients = Array.from({ length: 2000 }, (_, i) => {
            const parts = Array.from({ length: drawn(4) }, () => rows[drawn(rows.length)]);
            return {
                id: `p${i}`, lang: ['es', 'en', ''][drawn(3)], age_months: maybe(0, 1200),
                sex: ['F', 'M', ''][drawn(3)],
                complaint: parts.map(p => p[4]).join(['. ', ', ', ' y niega '][drawn(3)]),
                symptoms: boxes.filter(() => drawn(5) === 0),
                vitals: {
                    sbp: maybe(40, 260), hr: maybe(20, 220), rr: maybe(4, 70), spo2: maybe(50, 100),
                    temp_c: maybe(300, 430) / 10 || undefined, pain: maybe(0, 12),
                    acvpu: ['A', 'C', 'V', 'P', 'U', ''][drawn(6)], on_oxygen: drawn(5) === 0,
                },
            };
        });
        const results = score(patients), levels = new Set();
        assert.equal(results.length, 2000);
        for (const { id, triage } of results) {
            const points = Math.round(triage.score * 100);
            assert.equal(recompute(triage.reasons), points, id);
            assert.equal(levelOf(points), triage.level, id);
            levels.add(triage.level);
        }
        assert.equal(levels.size, 4); // the forms are of every kind
    });
    test('says what a sentence claims about a phrase', () => {
        const { out } = filter(['triage', 'context'],
            'es\tfiebre\tNiega fiebre y tos\nes\ttos\tTos, sin fiebre\nen\tstroke\tHis father had a stroke\n');
        assert.deepEqual(out.trim().split('\n'), ['negated', 'affirmed', 'other']);
    });
    test('a line that is no JSON is named and fails', () => {
        const { status, err } = filter(['triage', 'score'], '{"id":"1"}\nno\n');
        assert.equal(status, 1);
        assert.match(err, /line 2/);
    });
});

test('a command takes no card number as an argument, but ids whose digits would pass for one', () => {
    const id = '01a205c8-4903-74b6-b576-3254f1cee562'; // 4903 74b6 b576 3254, as a scan could be misread
    assert.notEqual(filter(['pan'], id).out, id, 'it does not look like a card any more: take another');
    for (const args of [['user', 'deactivate', id, '--clinic', id], ['keys', 'rotate', `--clinic=${id}`]])
        assert.doesNotMatch(filter(args, '').err, /card number/);
    const { status, err } = filter(['user', 'deactivate', '4111 1111 1111 1111'], '');
    assert.deepEqual([status, /card number/.test(err), err.includes('4111')], [2, true, false]);
});
