// Text can be read on its background: at least 4.5:1 (WCAG 2.2 AA), in light and in dark.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const css = fs.readFileSync(join(import.meta.dirname, '../src/ui/base.css'), 'utf8');
const blocks = [...css.matchAll(/:root\s*{([^}]*)}/g)].map((m) => m[1]);
const colours = (block) => Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1], m[2]]));
const light = colours(blocks[0]);
const dark = { ...light, ...colours(blocks[1]) };

function luminance(hex) {
    const parts = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
}

const pairs = [
    ...['page', 'surface', 'raised', 'critical-soft'].flatMap((back) => [
        ['ink', back],
        ['dim', back],
        ['link', back],
    ]),
    ['brand-ink', 'brand'],
    ...['critical', 'urgent', 'moderate', 'low', 'good', 'warn', 'bad'].map((name) => [`${name}-ink`, name]),
    ['good-ink', 'surface'],
    ['good-ink', 'page'],
    ['urgent-ink', 'page'],
];

for (const [name, palette] of Object.entries({ light, dark }))
    test(`text on its background is readable in ${name}`, () => {
        for (const [text, back] of pairs) {
            const ratio = contrast(palette[text], palette[back]);
            assert.ok(ratio >= 4.5, `${text} on ${back}: ${ratio.toFixed(2)}`);
        }
    });

test('stripes and focus rings stand out from what is beside them (3:1)', () => {
    for (const palette of [light, dark])
        for (const name of ['critical', 'urgent-line', 'focus'])
            assert.ok(contrast(palette[name], palette.surface) >= 3, name);
});
