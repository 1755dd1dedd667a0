// The database every world of the tests begins with: made once for each build and day, then copied.
//
// Rule: the name of a template says all it was made from, so that one that is stale is not found.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';

import { prepareSystem, removeDir, root } from '../../tools/lib/system.mjs';

const shelf = join(root, 'var', 'worlds');
const MAKERS = ['demo/seed/seed.mjs', 'tools/pg_dev.mjs', 'tools/lib/system.mjs', 'package-lock.json'];

// Months begin new partitions, so a template is of one day.
function nameOf(binary, seeded) {
    const { mtimeMs, size } = fs.statSync(binary);
    const all = createHash('sha256').update(`${binary} ${mtimeMs} ${size} ${seeded} ${new Date().toISOString().slice(0, 10)}`);
    const migrations = fs.readdirSync(join(root, 'db/migrations')).sort().map((f) => `db/migrations/${f}`);
    for (const file of [...MAKERS, ...migrations]) all.update(fs.readFileSync(join(root, file)));
    return all.digest('hex').slice(0, 24);
}

function removeOthers(keep) {
    for (const name of fs.readdirSync(shelf)) {
        const path = join(shelf, name);
        const age = Date.now() - (fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
        if (name !== keep && age > 24 * 3_600_000) fs.rmSync(path, { recursive: true, force: true });
    }
}

// Made in the temporary folder, where PostgreSQL's user can be, and put in its place in one step:
// of two that make the same one, the second finds it there.
async function make(name, build, seed) {
    const dir = fs.mkdtempSync(join(os.tmpdir(), 'nexacore-template-'));
    const half = join(shelf, `${name}.${process.pid}`);
    fs.chmodSync(dir, 0o711);
    try {
        await prepareSystem({ dir, build, seed, disposable: true });
        execFileSync('cp', ['-aL', dir, half]); // with its owners: the database is its own user's
        fs.renameSync(half, join(shelf, name));
    } catch (error) {
        if (!['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    } finally {
        fs.rmSync(half, { recursive: true, force: true });
        removeDir(dir);
    }
    removeOthers(name);
}

// The folder to start a world `from`; `seed` or null for an empty database.
export async function worldTemplate(build, seed) {
    const name = nameOf(join(build, 'nexacore'), Boolean(seed));
    fs.mkdirSync(shelf, { recursive: true });
    if (!fs.existsSync(join(shelf, name))) await make(name, build, seed);
    return join(shelf, name);
}
