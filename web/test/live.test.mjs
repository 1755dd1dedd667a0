// What the live channel knows: whether an event was missed, and whether the screen is up to date.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { transformWithOxc } from 'vite';

async function load(name) {
    const file = join(import.meta.dirname, '../src/lib', name);
    const { code } = await transformWithOxc(fs.readFileSync(file, 'utf8'), file);
    return import(`data:text/javascript,${encodeURIComponent(code)}`);
}
const { Sequence } = await load('sequence.ts');
const { Freshness } = await load('freshness.ts');
// The tests' own reading of the contract: both must say the same.
const { Numbers } = await import('../../test/lib/numbers.mjs');

const fresh = () => {
    const states = [];
    return { states, it: new Freshness((state) => states.push(state)), now: () => states.at(-1) };
};

test('numbers in between were for others, a number again was heard, prev above the last is a gap', () => {
    const sequence = new Sequence(() => ['ADMIN', 'me']);
    const place = (seq, prev = {}) => sequence.place({ seq, prev });
    assert.equal(place(7, { ADMIN: 5 }), 'next'); // the first, whatever was before
    assert.equal(place(9, { ADMIN: 7, DOCTOR: 8 }), 'next');
    assert.equal(place(9), 'again');
    assert.equal(place(8), 'again');
    assert.equal(place(12, { me: 11, ADMIN: 9 }), 'gap');
    assert.equal(place(13, { ADMIN: 12 }), 'next'); // told once
    sequence.reset();
    assert.equal(place(3, { ADMIN: 2 }), 'next');
    assert.equal(sequence.place(undefined), 'next');
});

test('page and tests read the contract alike, whatever is lost, repeated or for others', () => {
    let seed = 42;
    const dice = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    const seen = { next: 0, again: 0, gap: 0 };
    for (let round = 0; round < 50; round++) {
        const [page, own] = [new Sequence(() => ['ADMIN', 'me']), new Numbers({ role: 'ADMIN', userId: 'me' })];
        const heard = {};
        for (let seq = 1; seq < 60; seq++) {
            const prev = { ...heard };
            const rooms = ['ADMIN', 'DOCTOR', 'me'].filter(() => dice(3) === 0);
            for (const room of rooms) heard[room] = seq;
            if (dice(10) === 0 || !rooms.some((r) => r !== 'DOCTOR')) continue; // lost, or for others
            for (let again = dice(5) === 0 ? 2 : 1; again > 0; again--) {
                const place = page.place({ seq, prev });
                assert.equal(place, own.place({ seq, prev }));
                seen[place]++;
            }
        }
    }
    assert.ok(Math.min(...Object.values(seen)) > 20, JSON.stringify(seen));
});

test('a first connection reads everything, and is live when that is done', () => {
    const { it, now } = fresh();
    assert.equal(it.connect(false), true);
    assert.equal(now(), 'stale');
    assert.equal(it.read(it.reading(), true), false);
    assert.equal(now(), 'live');
});

test('a restored connection is live at once, unless something was missed before', () => {
    const { it, states, now } = fresh();
    it.connect(false);
    it.read(it.reading(), true);
    it.lose();
    assert.equal(now(), 'lost');
    assert.equal(it.connect(true), false);
    assert.equal(now(), 'live');
    it.miss(); // a gap, or live:resync
    it.lose();
    const before = states.length;
    assert.equal(it.connect(true), true);
    assert.deepEqual(states.slice(before), ['stale']); // never live in between
});

test('a reading that outlives its connection proves nothing', () => {
    const { it, now } = fresh();
    it.connect(false);
    const turn = it.reading();
    it.lose();
    assert.equal(it.read(turn, true), false);
    assert.equal(now(), 'lost');
    assert.equal(it.connect(true), true);
    assert.equal(now(), 'stale');
});

test('the latest reading has the last word, and one that failed in part is tried again', () => {
    const { it, now } = fresh();
    it.connect(false);
    const [first, second] = [it.reading(), it.reading()];
    assert.equal(it.read(first, true), false);
    assert.equal(now(), 'stale');
    assert.equal(it.read(second, false), true);
    assert.equal(now(), 'stale');
    assert.equal(it.isLatest(second), true);
    const third = it.reading();
    it.miss();
    assert.equal(it.read(third, true), false); // begun before that was missed
    assert.equal(now(), 'stale');
    assert.equal(it.read(it.reading(), true), false);
    assert.equal(now(), 'live');
});
