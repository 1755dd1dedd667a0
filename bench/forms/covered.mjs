// How much of what must not be seen is black: card numbers, codes and expiries, typed and written.
//
//   node bench/forms/covered.mjs FORMS_DIR PRED.jsonl [SET] [-v]
//
// PRED is what bench/forms_accuracy.sh leaves in the build folder; SET (tuned or kept, of a made set)
// chooses forms; -v names what shows. Rule: a place counts as black by the measure of score.mjs (its
// middle band: 97 % of a number's, 90 % of a code's or an expiry's); a place whose band is partly
// outside of the page cannot be covered and is said apart.
import fs from 'node:fs';

const [dir, predFile, ...more] = process.argv.slice(2);
const verbose = more.includes('-v');
const set = more.find((m) => m !== '-v');
const lines = (f) => fs.readFileSync(f, 'utf8').trim().split('\n').map((l) => JSON.parse(l));
const pred = new Map(lines(predFile).map((p) => [p.id, p]));
const LEAST = { pan: 0.97, cvv: 0.9, expiry: 0.9 };

const at = ([a, b, c, d], u, v) => [0, 1].map((i) => (a[i] * (1 - u) + b[i] * u) * (1 - v) + (d[i] * (1 - u) + c[i] * u) * v);
function black(quad, page, boxes) {
    let hit = 0;
    for (let i = 0; i < 60; i++)
        for (let j = 0; j < 24; j++) {
            const [x, y] = at(quad, 0.02 + (0.96 * (i + 0.5)) / 60, 0.22 + (0.56 * (j + 0.5)) / 24);
            hit += boxes.some((r) => r.page === page && x >= r.x && x <= r.x + r.w && y >= r.y && y <= r.y + r.h);
        }
    return hit / 1440;
}

const tally = {};
const outside = {};
let words = 0;
let over = 0;
const said = [];
for (const g of lines(`${dir}/manifest.jsonl`)) {
    if (set && g.set !== set) continue;
    const boxes = pred.get(g.id)?.redactions ?? [];
    const by = g.handwritten_font ? 'written' : 'typed';
    const least = new Map(); // a number in several places is black when all of them are
    for (const s of g.sensitive) {
        const name = s.type === 'pan' ? `pan ${s.pan}` : s.type;
        const old = least.get(name) ?? { type: s.type, share: 1, out: false };
        const out = [[0, 0.22], [1, 0.22], [1, 0.78], [0, 0.78]].some(([u, v]) => at(s.quad, u, v).some((c) => c < 0 || c > 1));
        least.set(name, { type: s.type, share: Math.min(old.share, black(s.quad, s.page, boxes)), out: old.out || out });
    }
    for (const [name, { type, share, out }] of least) {
        const t = (tally[type] ??= { typed: [0, 0], written: [0, 0] })[by];
        const yes = share >= LEAST[type];
        t[0] += yes;
        t[1]++;
        if (out && !yes) (outside[type] ??= { typed: 0, written: 0 })[by]++;
        if (!yes) said.push(`${g.id} ${g.profile} ${g.layout} ${g.language} ${by} ${g.value_font}: ${name} ${(100 * share).toFixed(0)} %${out ? ' (outside of the page)' : ''}`);
    }
    const besides = g.words.filter(([page, , kind, x, y, w, h]) => kind !== 'p' && boxes.some((r) => r.page === page && x + w / 2 >= r.x && x + w / 2 <= r.x + r.w && y + h / 2 >= r.y && y + h / 2 <= r.y + r.h));
    words += g.words.filter((w) => w[2] !== 'p').length;
    over += besides.length;
    if (besides.length) said.push(`${g.id} ${g.profile} ${g.layout} also black: ${besides.map((w) => w[1]).join(' ')}`);
}
if (verbose) for (const s of said) console.log(s);
for (const [type, t] of Object.entries(tally))
    for (const [by, [n, of]] of Object.entries(t)) {
        const out = outside[type]?.[by] ?? 0;
        console.log(`${type.padEnd(7)} ${by.padEnd(8)} ${n} of ${of} black, ${((100 * n) / of).toFixed(1)} %${out ? `; ${out} outside of the page, so ${((100 * n) / (of - out)).toFixed(1)} % of those on it` : ''}`);
    }
console.log(`other words black ${((100 * over) / words).toFixed(2)} % (${over} of ${words})`);
