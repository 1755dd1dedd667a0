// Runs the tests of one suite of a meson build and counts cmocka's single tests, not executables.
//
// usage: node tools/test_unit.mjs BUILD-DIR SUITE [--targets]; the latter only names what to build.
// Rule: an executable that fails without naming a failed test (a crash, a sanitizer report) is one
// failure. The last line is "PASSED FAILED SKIPPED", which tools/test_all.sh adds up.
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { relative, resolve } from 'node:path';

const [dir, suite, targetsOnly] = process.argv.slice(2);
if (targetsOnly) {
    const json = spawnSync('meson', ['introspect', '--tests', dir], { encoding: 'utf8' }).stdout;
    const wanted = JSON.parse(json).filter((t) => t.suite.some((s) => s.endsWith(`:${suite}`)));
    console.log(wanted.map((t) => relative(resolve(dir), t.cmd[0])).join(' '));
    process.exit(0);
}
const log = `${dir}/meson-logs/testlog.json`;
rmSync(log, { force: true });
spawnSync('meson', ['test', '-C', dir, '--no-rebuild', '--suite', suite, '--num-processes', '2', '--timeout-multiplier', '10'], {
    env: { ...process.env, CMOCKA_MESSAGE_OUTPUT: 'TAP' },
    stdio: 'ignore',
});

function lines(path) {
    try {
        return readFileSync(path, 'utf8').split('\n').filter(Boolean);
    } catch {
        return [];
    }
}

const sum = { passed: 0, failed: 0, skipped: 0 };
for (const line of lines(log)) {
    const test = JSON.parse(line);
    const name = test.name.split(' / ').pop();
    const output = `${test.stdout ?? ''}\n${test.stderr ?? ''}`;
    const count = (re) => (output.match(re) ?? []).length;
    const skipped = count(/^ok .*# SKIP/gm);
    const passed = count(/^ok /gm) - skipped;
    const failed = count(/^not ok /gm);
    const good = test.result === 'OK';

    sum.skipped += skipped;
    sum.passed += good ? passed || 1 : passed;
    sum.failed += good ? failed : failed || 1;
    console.log(`   ${good ? 'ok  ' : 'FAIL'} ${name} (${passed + failed} tests, ${test.duration.toFixed(1)} s)`);
    if (good) continue;
    const end = output.split('\n').slice(-60).join('\n');
    console.log(end);
    if (process.env.NEXACORE_FAILURES) appendFileSync(process.env.NEXACORE_FAILURES, `${name}\n${end}\n`);
}
if (sum.passed + sum.failed === 0) sum.failed = 1;
console.log(`${sum.passed} ${sum.failed} ${sum.skipped}`);
