// Loaded before a test file by tools/test_node.mjs: the file ends, whatever its tests left running.
//
// Rule: node waits for every socket and child that is left, so one failed assertion in the middle of
// a test could hold the whole file up, or every test after it. What is left after the last test, or
// long after the first failure, is named here and ended with this process (see startPart and
// BullWorld); a file that leaves something has failed.
import fs from 'node:fs';
import { after, afterEach, beforeEach } from 'node:test';

const LINGER = { passed: 90, failed: 30 }; // seconds after the last test, hooks of the file among them
const AFTER_FAILURE = 120; // seconds for all that follows a failed test
const { pid } = process;
const whole = Number(process.env.NEXACORE_TEST_SECONDS ?? 0);
const underWay = new Set();
let failed = null;

const children = () => fs.readFileSync(`/proc/self/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);

function commandOf(child) {
    try {
        return fs.readFileSync(`/proc/${child}/cmdline`, 'utf8').split('\0').join(' ').slice(0, 160);
    } catch {
        return 'gone';
    }
}

function end(why) {
    const lines = [`ENDED: ${why}`];
    for (const name of underWay) lines.push(`  under way: ${name}`);
    for (const child of children()) lines.push(`  child ${child}: ${commandOf(child)}`);
    const kinds = process.getActiveResourcesInfo().filter((kind) => kind !== 'PipeWrap');
    lines.push(`  node waits for: ${[...new Set(kinds)].join(', ') || 'nothing'}`);
    fs.writeSync(1, `${lines.join('\n')}\n`);
    process.exit(1);
}

beforeEach((t) => void underWay.add(t.name));
afterEach((t) => {
    underWay.delete(t.name);
    if (t.passed === false && !failed) failed = setTimeout(end, AFTER_FAILURE * 1000, `${AFTER_FAILURE} s after the first failure`).unref();
});
// The timers hold nobody up: they run only when something else does.
after(() => {
    const seconds = failed ? LINGER.failed : LINGER.passed;
    setTimeout(end, seconds * 1000, `still running ${seconds} s after the last test`).unref();
});
if (whole > 0) setTimeout(end, whole * 1000, `not done within ${whole} s`).unref();
