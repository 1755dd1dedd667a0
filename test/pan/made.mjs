#!/usr/bin/env node
// Makes a labelled corpus of lines with and without card numbers, other numbers for every seed.
//
//   node test/pan/made.mjs [SEED [LINES]] > corpus.jsonl      LINES of each category
// Rule: same fields as test/data/pan_text.jsonl, offsets in UTF-8 bytes.
import { Chance } from './kit.mjs';
import { negatives } from './negatives.mjs';
import { positives } from './positives.mjs';

const [seed = 1, lines = 40] = process.argv.slice(2).map(Number);
const chance = new Chance(seed);
let n = 0;
for (const [prefix, makers] of [['', positives], ['neg_', negatives]])
    for (const [category, make] of Object.entries(makers))
        for (let i = 0; i < lines; i++) {
            const made = { id: `made${String(++n).padStart(6, '0')}`, category: prefix + category, ...make(chance) };
            process.stdout.write(`${JSON.stringify(made)}\n`);
        }
