// Both languages say everything, with the same blanks to fill, and the page uses what they say.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const src = join(import.meta.dirname, '../src');
const read = (file) => JSON.parse(fs.readFileSync(join(src, 'app', file), 'utf8'));
const blanks = (text) => [...text.matchAll(/{{(\w+)}}/g)].map((m) => m[1]).sort();
const sources = fs
    .readdirSync(src, { recursive: true })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => fs.readFileSync(join(src, name), 'utf8'))
    .join('\n');

for (const [one, other] of [
    ['es.json', 'en.json'],
    ['rules.es.json', 'rules.en.json'],
]) {
    test(`${one} and ${other} have the same keys`, () => {
        assert.deepEqual(Object.keys(read(one)).sort(), Object.keys(read(other)).sort());
    });
    test(`${one} and ${other} fill in the same values and leave nothing empty`, () => {
        const [a, b] = [read(one), read(other)];
        for (const key of Object.keys(a)) {
            assert.deepEqual(blanks(a[key]), blanks(b[key]), key);
            assert.ok(a[key].trim() && b[key].trim(), key);
        }
    });
}

test('every text is used somewhere', () => {
    const made = [...sources.matchAll(/[`'"](\w[\w.]*\.)\$\{/g)].map((m) => m[1]); // `urgency.${level}`
    const unused = Object.keys(read('es.json')).filter(
        (key) => !sources.includes(`'${key}'`) && !made.some((start) => key.startsWith(start)),
    );
    assert.deepEqual(unused, []);
});

test('every text that is asked for exists', () => {
    const texts = read('es.json');
    const asked = [...sources.matchAll(/\bt\('([^']+)'/g)].map((m) => m[1]);
    assert.ok(asked.length > 90);
    assert.deepEqual([...new Set(asked)].filter((key) => !(key in texts)), []);
});

test('every complaint of the lexicon has a name in both languages', () => {
    const rules = read('rules.es.json');
    const lexicon = fs.readFileSync(join(src, '../../data/lexicon.tsv'), 'utf8');
    const rows = lexicon.split('\n').filter((line) => line && !/^[#@]/.test(line));
    const ids = rows.slice(1).map((line) => line.split('\t')[0]);
    assert.ok(ids.length > 100);
    assert.deepEqual(ids.filter((id) => !(id in rules)), []);
});

test('every refusal of the reader has a sentence', () => {
    const texts = read('es.json');
    const table = fs.readFileSync(join(src, '../../lib/formread/refusal.c'), 'utf8');
    const codes = [...table.matchAll(/\[FORMREAD_\w+\] = \{"([\w-]+)"/g)].map((m) => m[1]);
    assert.ok(codes.length >= 8);
    assert.deepEqual(codes.filter((code) => !(`refusal.${code}` in texts)), []);
});
