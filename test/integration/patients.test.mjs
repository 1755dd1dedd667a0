// Patients over HTTP: where a status may go, who is told that two may be the same person, and that
// nobody is alerted about a patient who has left.
//
// Rule: the status table here is written from the contract, every pair of it is walked.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 0 })));
after(() => world?.stop());

const PATHS = {
    WAITING: [],
    BEING_ATTENDED: ['BEING_ATTENDED'],
    DISCHARGED: ['BEING_ATTENDED', 'DISCHARGED'],
};
const NEXT = {
    WAITING: ['BEING_ATTENDED'],
    BEING_ATTENDED: ['WAITING', 'DISCHARGED'],
    DISCHARGED: [],
};

async function register(fields = {}) {
    const { status, body } = await world.as('admissions').post('/api/v1/patients', { fullName: 'Prueba Estado', ...fields });
    assert.equal(status, 201, JSON.stringify(body));
    return body;
}

const move = (login, id, status) => world.as(login).patch(`/api/v1/patients/${id}/status`, { status });

async function registerAs(status) {
    const patient = await register();
    for (const step of PATHS[status]) assert.equal((await move('admin', patient.id, step)).status, 200);
    return patient.id;
}

for (const from of Object.keys(NEXT))
    for (const to of Object.keys(NEXT))
        test(`a patient ${NEXT[from].includes(to) ? 'goes' : 'does not go'} from ${from} to ${to}`, async () => {
            const id = await registerAs(from);
            const { status, body } = await move('doctor', id, to);
            const { body: now } = await world.as('admin').get(`/api/v1/patients/${id}`);
            if (NEXT[from].includes(to)) {
                assert.equal(status, 200, JSON.stringify(body));
                assert.equal(body.status, to);
                assert.equal(now.status, to);
                assert.equal(now.attendedAt !== null, to !== 'WAITING', JSON.stringify(now));
                assert.equal(now.dischargedAt !== null, to === 'DISCHARGED');
            } else {
                assert.equal(status, 409, JSON.stringify(body));
                assert.equal(body.type, '/problems/conflict');
                assert.equal(now.status, from);
            }
        });

test('ADMISSIONS may only undo, to WAITING', async () => {
    const id = await registerAs('WAITING');
    assert.equal((await move('admissions', id, 'BEING_ATTENDED')).status, 403);
    await move('doctor', id, 'BEING_ATTENDED');
    assert.equal((await move('admissions', id, 'DISCHARGED')).status, 403);
    assert.equal((await move('admissions', id, 'WAITING')).status, 200);
});

test('nobody is alerted about a patient who was discharged', async () => {
    const id = await registerAs('DISCHARGED');
    const raise = () => world.as('admissions').post('/api/v1/alerts', { patientId: id, urgencyLevel: 'CRITICAL' });
    const { status, body } = await raise();
    assert.equal(status, 409, JSON.stringify(body));
    const [alerts] = await world.sql('SELECT count(*)::int AS n FROM alerts WHERE patient_id = $1', [id]);
    assert.equal(alerts.n, 0);
});

test('whoever looks like somebody already here is pointed out, within the clinic', async () => {
    const person = { fullName: 'Prueba Doble', dateOfBirth: '1980-02-29', insuranceId: 'DOBLE-1' };
    const first = await register(person);
    const other = await world.as('admissions-b').post('/api/v1/patients', person);
    const again = await register(person);
    const alone = await register({ fullName: 'Prueba Sola', dateOfBirth: '1981-03-01', insuranceId: 'SOLA-1' });
    const twins = async (id) => (await world.as('admin').get(`/api/v1/patients/${id}`)).body.possibleDuplicates ?? [];
    const idOf = (d) => d.id ?? d;
    assert.deepEqual((await twins(again.id)).map(idOf), [first.id]);
    assert.deepEqual((await twins(first.id)).map(idOf), [again.id]);
    assert.deepEqual(await twins(alone.id), []);
    const theirs = await world.as('admin-b').get(`/api/v1/patients/${other.body.id}`);
    assert.deepEqual(theirs.body.possibleDuplicates ?? [], []);
});
