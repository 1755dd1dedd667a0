// Runs *.test.mjs files, each in its own `node --test` with a time limit, and adds up their counts.
//
// usage: node tools/test_node.mjs [--jobs N] [--seconds N] [--except DIR] FOLDER-OR-FILE...
// Rule: a file that hangs, crashes or skips a test without a reason is a failure, and what failed is
// shown whole before anything else its file said. tools/lib/ending.mjs ends a file whose tests left
// something running. The last line is "PASSED FAILED SKIPPED", which tools/test_all.sh adds up.
import { spawn } from 'node:child_process';
import { appendFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
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

const ending = resolve(import.meta.dirname, 'lib/ending.mjs');

// Runs one file in its own process group. It ends itself when its time is over, and says what it was
// doing; one that cannot any more is killed with what it started.
function run(file) {
    return new Promise((done) => {
        const started = Date.now();
        const child = spawn(process.execPath, ['--import', ending, '--test', '--test-reporter=tap', file], {
            detached: true,
            env: { ...process.env, NEXACORE_TEST_SECONDS: values.seconds },
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
        }, (Number(values.seconds) + 15) * 1000);
        child.on('close', (code) => {
            clearTimeout(timer);
            done({ file, tap, late, code, seconds: (Date.now() - started) / 1000 });
        });
    });
}

function judge({ file, tap, late, code, seconds }) {
    const number = (name) => Number([...tap.matchAll(new RegExp(`^# ${name} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
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
    if (late) console.log(`   killed after ${values.seconds} s`);
    if (unexplained) console.log(`   ${unexplained} test(s) skipped without a reason`);
    if (count.failed) tellFailures(file, tap);
    return count;
}

// What failed, each with its whole report, and how the file ended; then the last of what it said.
function tellFailures(file, tap) {
    const lines = tap.split('\n').filter((l) => !/^\s*(duration_ms|---|type: 'test'|\S+ \(node:|(async )?\S+ \(node:)/.test(l));
    const failures = [];
    const rest = [];
    let end = null; // the line that ends what is being told
    for (const line of lines) {
        const [, indent] = line.match(/^(\s*)not ok /) ?? (line.startsWith('# ENDED: ') ? [line, null] : []);
        if (indent !== undefined) end = indent === null ? /^(?!# {2})/ : new RegExp(`^${indent}(  \\.\\.\\.$|# Subtest|ok |not ok |1\\.\\.)`);
        else if (end?.test(line)) end = null;
        (end ? failures : rest).push(line);
    }
    console.log(failures.join('\n'));
    console.log(`   -- the last of what ${file} said --`);
    console.log(rest.filter((l) => !/^\s*(# Subtest|ok \d|\d+\.\.)/.test(l)).slice(-80).join('\n'));
    const kept = process.env.NEXACORE_FAILURES;
    if (kept) appendFileSync(kept, [file, ...failures, ''].join('\n'));
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
