// The jailed reader crashes, hangs or meets a file that does it each time: that child ends alone, the
// form is tried again, three times at most, and then waits for a person with a reason; the forms
// behind it are read.
//
// HANGS=3 lets the form that hangs do so until it is given up (half a minute more).
// Rule: faults come from outside, by signals to the child's own process id; nothing in the product
// is told of the test.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { sleep } from '../../tools/lib/process.mjs';
import { crop, pngRead, pngWrite } from '../lib/pictures.mjs';
import { plainForm } from '../lib/plain_form.mjs';
import { formBytes, startWorld } from '../lib/world.mjs';

const PATIENCE_S = 20; // above what a page takes in a sanitizer build on a busy machine
const HANGS = Number(process.env.HANGS ?? 1);
// Long enough to be met while it is read, and without a card, so that it is read once.
const FORM = pngWrite(crop(pngRead(formBytes('en-below-unwell.png')), 0, 0, 1700, 620));
// The kernel ends a child that this test sends SIGSEGV; a sanitizer would report it as a fault of ours.
const ASAN_OPTIONS = [process.env.ASAN_OPTIONS, 'handle_segv=0'].filter(Boolean).join(':');
let world;
before(async () => (world = await startWorld({ workers: 1, env: { NEXACORE_READ_PAGE_SECONDS: String(PATIENCE_S), ASAN_OPTIONS } })));
after(() => world?.stop());

const upload = async (bytes) => (await world.as('admissions').upload(bytes)).body.formId;
const status = async (id) => (await world.as('admissions').get(`/api/v1/intake/${id}/status`)).body;
const isFinal = (f) => ['PROCESSED', 'REVIEW', 'FAILED'].includes(f.status);

// Children of the worker that are jailed and at work: they use the processor between two looks.
function readers() {
    const parent = world.system.works[0].pid;
    const tasks = fs.readdirSync(`/proc/${parent}/task`);
    return tasks.flatMap((t) => fs.readFileSync(`/proc/${parent}/task/${t}/children`, 'utf8').trim().split(' ').filter(Boolean)).map(Number)
        .filter((pid) => /nexacore-reader/.test(fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')));
}
const ticks = (pid) => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0);

// Waits for the child that reads form `id`, after the form's job began again: one that has used 50 ms
// of the processor behind its closed jail. (One that has just closed it may not have said so yet, and
// would count as one that could not be started.)
async function busyReader(id, seconds = 60) {
    const jailed = (pid) => /^Seccomp:\t2$/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    const first = new Map();
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(30)) {
        const f = await status(id);
        if (isFinal(f)) return { form: f };
        if (f.status !== 'OCR') continue;
        for (const pid of readers().filter(jailed)) {
            if (!first.has(pid)) first.set(pid, ticks(pid));
            if (ticks(pid) >= first.get(pid) + 5) return { pid };
        }
    }
    throw new Error('no child read the form');
}

test('progress goes up step by step to 100, on the status and as it happens', async () => {
    const listener = await world.listen('admissions');
    const id = await upload(formBytes('en-two-pages-unwell.pdf'));
    const seen = [];
    for (let f = await status(id); ; f = await status(id)) {
        if (f.progress !== seen.at(-1)) seen.push(f.progress);
        if (isFinal(f)) break;
        await sleep(30);
    }
    assert.deepEqual(seen, [...seen].sort((a, b) => a - b), 'it never goes back');
    assert.equal(seen.at(-1), 100);
    await listener.next('intake:processed', { where: (p) => p.formId === id });
    const told = listener.events.filter((e) => e.name === 'intake:progress' && e.payload.formId === id).map((e) => e.payload.progress);
    assert.deepEqual(told, [...new Set(told)].sort((a, b) => a - b));
    assert.ok(told.length >= 6, `told ${told}: two pages decoded and read, scrubbed, scored, stored`);
});

test('a child that hangs is ended after its time, and the form is read by the next', async () => {
    const id = await upload(FORM);
    let pid;
    for (let n = 0; n < HANGS; n++) {
        ({ pid } = await busyReader(id, PATIENCE_S + 60));
        process.kill(pid, 'SIGSTOP');
        while (fs.existsSync(`/proc/${pid}`)) await sleep(50);
    }
    const form = await world.form('admissions', id, { seconds: PATIENCE_S + 90 });
    if (HANGS < 3) assert.ok(['PROCESSED', 'REVIEW'].includes(form.status), JSON.stringify(form));
    else assert.deepEqual([form.status, form.error, form.requiresReview], ['FAILED', 'reader-timeout', true]);
    assert.ok(world.system.works[0].pid > 0 && fs.existsSync(`/proc/${world.system.works[0].pid}`));
});

test('a form that crashes the reader three times waits for a person, with a reason; the next is read', async () => {
    const id = await upload(Buffer.concat([FORM, Buffer.from([1])]));
    const ways = ['SIGSEGV', 'SIGABRT', 'SIGKILL']; // a bug, a library that gives up, the kernel at the end of its memory
    let crashes = 0;
    let form;
    while (!form) {
        const found = await busyReader(id, 120);
        form = found.form;
        if (!found.pid) continue;
        process.kill(found.pid, ways[crashes++ % ways.length]);
        while (fs.existsSync(`/proc/${found.pid}`)) await sleep(20);
    }
    assert.deepEqual([form.status, form.error, form.requiresReview], ['FAILED', 'reader-crashed', true]);
    assert.equal(crashes, 3);
    const queue = (await world.as('admissions').get('/api/v1/intake/review-queue')).body.items;
    assert.ok(queue.some((f) => f.formId === id && f.error === 'reader-crashed'));
    const good = await world.form('admissions', await upload(plainForm()));
    assert.equal(good.status, 'PROCESSED', JSON.stringify(good));
});
