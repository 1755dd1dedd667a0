// Many uploads of two clinics at the same moment: each is its own clinic's, with its own fields, and
// none is refused or doubled. An upload is admitted on one thread and handled on another.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';

import { startWorld } from '../lib/world.mjs';

const COUNT = 30; // of each clinic

let world;
before(async () => (world = await startWorld({ workers: 0 })));
after(() => world?.stop());

// Begins like a PNG; large enough that its body comes in several pieces.
const file = () => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), crypto.randomBytes(150_000)]);

test('uploads of two clinics at the same moment do not mix', async () => {
    const sent = [];
    for (let i = 0; i < COUNT; i++)
        for (const login of ['admissions', 'admissions-b']) sent.push({ login, room: `${login}-${i}`, bytes: file() });
    const one = async ({ login, room, bytes }) => {
        const headers = { 'idempotency-key': crypto.randomUUID() };
        return world.as(login).upload(bytes, { fields: { roomNumber: room }, headers });
    };
    for (let at = 0; at < sent.length; at += 24) {
        const part = sent.slice(at, at + 24);
        const answers = await Promise.all(part.map(one));
        answers.forEach((answer, i) => {
            assert.equal(answer.status, 202, JSON.stringify(answer.body));
            part[i].formId = answer.body.formId;
        });
    }
    const rows = await world.sql('SELECT id, clinic_id, room_number, uploaded_by FROM intake_forms');
    assert.equal(rows.length, sent.length);
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (const { login, room, formId } of sent) {
        const { clinicId, userId } = world.account(login);
        assert.deepEqual(byId.get(formId), { id: formId, clinic_id: clinicId, room_number: room, uploaded_by: userId });
    }
    const [{ jobs, audits }] = await world.sql(
        `SELECT (SELECT count(DISTINCT key)::int FROM outbox WHERE name = 'ocr-processing') AS jobs,
                (SELECT count(*)::int FROM audit_logs WHERE action = 'FORM_UPLOADED') AS audits`);
    assert.deepEqual({ jobs, audits }, { jobs: sent.length, audits: sent.length });
});
