// How long something took, and how much slower than a quiet one this machine was meanwhile.
//
//   const watch = stopwatch();
//   await refused();
//   watch.within(5000, 'the refusal');
// Rule: for durations that are themselves the claim of a test. On a quiet machine the limit is the
// limit; where tasks waited for a CPU twice as long as they ran, three times that.
import assert from 'node:assert/strict';
import fs from 'node:fs';

// task -> [ns it ran, ns it was ready and waited for a CPU], of every task there is (sched-stats.rst).
function tasks() {
    const all = new Map();
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
            for (const tid of fs.readdirSync(`/proc/${pid}/task`))
                all.set(tid, fs.readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ').map(Number));
        } catch {
            // ended meanwhile
        }
    }
    return all;
}

export function stopwatch() {
    const from = performance.now();
    const before = tasks();
    return {
        get ms() {
            return performance.now() - from;
        },
        // At least 1.
        get slowdown() {
            let [ran, waited] = [0, 0];
            for (const [tid, now] of tasks()) {
                const then = before.get(tid) ?? [0, 0];
                ran += now[0] - then[0];
                waited += now[1] - then[1];
            }
            return ran > 0 ? 1 + Math.max(0, waited) / ran : 1;
        },
        within(limit, what, ms = this.ms) {
            const { slowdown } = this;
            assert.ok(ms < limit * slowdown, `${what} took ${ms.toFixed(0)} ms; ${limit} are allowed, on a machine ${slowdown.toFixed(1)} times slower`);
        },
    };
}
