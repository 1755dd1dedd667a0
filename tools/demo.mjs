// `./dev demo`: starts everything, loads the demo clinics once, says where to go, and waits.
//
// Rule: Ctrl-C, SIGTERM and a part that dies all end in the same way: every part is stopped.
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { seed, seedApi } from '../demo/seed/seed.mjs';
import { remember, running } from './lib/running.mjs';
import { buildDir, demoPorts, root, startSystem } from './lib/system.mjs';

// --home is where data and the note for `./dev stop` are kept; tests give their own.
const { values } = parseArgs({ options: { home: { type: 'string', default: join(root, 'var') } } });
const dir = resolve(values.home, 'demo');
const note = resolve(values.home, 'demo.json');

function onStep(name, ms, detail) {
    console.log(`  ${name.padEnd(18)} ${(ms / 1000).toFixed(2).padStart(6)} s  ${detail}`);
}

function advice(system) {
    const rows = system
        .accounts()
        .map((a) => `  ${a.login.padEnd(13)} ${a.password.padEnd(18)} ${a.role.padEnd(16)} ${a.name}, ${a.clinicName}`);
    return `
NexaCore runs at   ${system.url}
API description    ${system.url}/docs
metrics            ${system.metricsUrl}/metrics
sign-in (OIDC)     ${system.issuer.url}
sent push and SMS  ${system.fakes.url}/__calls

Logins (also one click each on the sign-in page)
${rows.join('\n')}

Try
  1. Sign in as admissions and drop demo/forms/es-table-vitals.tif on the page: watch it being read.
  2. In a second (private) window sign in as doctor: the alert arrives by itself; acknowledge it.
  3. Sign in as admin: the flow board, the alert's timeline, and the audit trail of what you did.
  4. Drop demo/forms/en-table-vaccines.jpg: no emergency, and its card number is burnt out of the image.

Ctrl-C ends it (or ./dev stop from another shell). Data stays in var/demo.
`;
}

async function main() {
    const other = running(note);
    if (other) {
        console.log(other.url ? `the demo runs already: ${other.url} (./dev stop ends it)` : 'the demo is being started already (./dev stop ends it)');
        return 0;
    }
    let system = null;
    let leave;
    const asked = new Promise((resolve) => (leave = resolve));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => leave(0));

    remember(note, {});
    try {
        const options = { dir, build: buildDir(), ports: demoPorts, workers: 2, onStep };
        const started = startSystem({ ...options, seed, seedApi });
        system = await Promise.race([started, asked.then(() => null)]);
        if (!system) {
            await started.then((late) => late.stop()).catch(() => {});
            return 0;
        }
        remember(note, { url: system.url });
        console.log(advice(system));
        for (const part of [system.serve, ...system.works, system.redis.part])
            part.ended.then(() => {
                console.error(`${part.name} ended; its log: ${part.log}`);
                leave(1);
            });
        return await asked;
    } finally {
        const wrong = (await system?.stop()) ?? [];
        for (const text of wrong) console.error(text);
        fs.rmSync(note, { force: true });
    }
}

process.exit(
    await main().catch((error) => {
        console.error(error.message);
        return 1;
    }),
);
