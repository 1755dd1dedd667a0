// Writes the migrations as a C table, so that the binary carries the schema it was built for.
//
// usage: node tools/embed_migrations.mjs OUT.c FOLDER FILE...
// Rule: FILE... must be all of FOLDER's *.sql in order; one that src/ops/meson.build forgot would
// otherwise be missing in the field only.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const [out, folder, ...given] = process.argv.slice(2);
const there = readdirSync(folder).filter((f) => f.endsWith('.sql')).sort();
const named = given.map((f) => basename(f));
if (JSON.stringify(there) !== JSON.stringify(named)) {
    console.error(`${folder} holds ${there.join(' ')}, src/ops/meson.build names ${named.join(' ')}`);
    process.exit(1);
}

const literal = (bytes) =>
    `"${[...bytes].map((b) => {
        if (b === 0x22 || b === 0x5c || b === 0x3f) return `\\${String.fromCharCode(b)}`;
        return b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : `\\${b.toString(8).padStart(3, '0')}`;
    }).join('')}"`;

// One literal a line of SQL keeps the generated file readable in a debugger.
const lines = (bytes) => {
    const rows = [];
    for (let at = 0; at < bytes.length; ) {
        const end = bytes.indexOf(0x0a, at);
        const next = end < 0 ? bytes.length : end + 1;
        rows.push(`     ${literal(bytes.subarray(at, next))}`);
        at = next;
    }
    return rows.join('\n');
};

const entries = there.map((file, i) => {
    const match = file.match(/^(\d{4})_([a-z0-9_]+)\.sql$/);
    if (!match || Number(match[1]) !== i + 1) {
        console.error(`${file}: expected ${String(i + 1).padStart(4, '0')}_name.sql`);
        process.exit(1);
    }
    const bytes = readFileSync(join(folder, file));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return `    {${i + 1}, "${match[2]}", "${sha256}",\n${lines(bytes)}},`;
});

writeFileSync(out, `/* Made by tools/embed_migrations.mjs from db/migrations: do not edit. */
#include "ops/migrations.h"

const struct migration migrations[] = {
${entries.join('\n')}
};
const size_t migration_count = sizeof(migrations) / sizeof(migrations[0]);
`);
