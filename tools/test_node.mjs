// Runs *.test.mjs files, each in its own `node --test` with a time limit, and adds up their counts.
//
// usage: node tools/test_node.mjs [--jobs N] [--seconds N] [--except DIR] FOLDER-OR-FILE...
// Rule: a file that hangs, crashes or skips a test without a reason is a failure. The last line is
// "PASSED FAILED SKIPPED", which tools/test_all.sh adds up.
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        jobs: { type: 'string', default: '1' },
        seconds: { type: 'string', default: '240' },
        except: { type: 'string', default: '' },
    },
});

function testFiles(path) {
    if (values.except && path.startsWith(values.except)) return [];
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path, { withFileTypes: true })
        .filter((e) => e.name !== 'node_modules')
        .flatMap((e) => (e.isDirectory() || e.name.endsWith('.test.mjs') ? testFiles(join(path, e.name)) : []))
        .sort();
}

// Runs one file in its own process group, so that a time-out ends what the test had started too.
function run(file) {
    return new Promise((resolve) => {
        const started = Date.now();
        const child = spawn(process.execPath, ['--test', '--test-reporter=tap', file], {
            detached: true,
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        let tap = '';
        let late = false;
        child.stdout.on('data', (d) => (tap += d));
        child.stderr.on('data', (d) => (tap += d));
        const timer = setTimeout(() => {
            late = true;
            process.kill(-child.pid, 'SIGTERM');
            setTimeout(() => child.exitCode === null && process.kill(-child.pid, 'SIGKILL'), 10_000).unref();
        }, Number(values.seconds) * 1000);
        child.on('close', (code) => {
            clearTimeout(timer);
            resolve({ file, tap, late, code, seconds: (Date.now() - started) / 1000 });
        });
    });
}

function judge({ file, tap, late, code, seconds }) {
    const number = (name) => Number(tap.match(new RegExp(`^# ${name} (\\d+)`, 'm'))?.[1] ?? 0);
    const unexplained = (tap.match(/# SKIP *$/gm) ?? []).length;
    const count = {
        passed: number('pass'),
        failed: number('fail') + number('cancelled') + unexplained,
        skipped: number('skipped') + number('todo') - unexplained,
    };
    if (code !== 0 && count.failed === 0) count.failed = 1;
    if (count.passed + count.failed + count.skipped === 0) count.failed = 1;

    const word = count.failed ? 'FAIL' : 'ok  ';
    console.log(`   ${word} ${file} (${count.passed} passed, ${seconds.toFixed(1)} s)`);
    if (late) console.log(`   stopped after ${values.seconds} s`);
    if (unexplained) console.log(`   ${unexplained} test(s) skipped without a reason`);
    if (count.failed) console.log(tap.split('\n').filter((l) => !/^\s*(duration_ms|---|\.\.\.)/.test(l)).slice(-120).join('\n'));
    return count;
}

const queue = positionals.flatMap((p) => testFiles(p));
const sum = { passed: 0, failed: 0, skipped: 0 };
async function lane() {
    for (let file = queue.shift(); file; file = queue.shift()) {
        const count = judge(await run(file));
        for (const key of Object.keys(sum)) sum[key] += count[key];
    }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, lane));
console.log(`${sum.passed} ${sum.failed} ${sum.skipped}`);
