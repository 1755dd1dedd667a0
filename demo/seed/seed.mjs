// Demo clinics, users, duty roster and devices. seed() runs with the tools of the binary before
// `serve` is up; seedApi() through the API, as people would do it.
//
// Rule: nobody here looks like a real person: surnames mean "test", "example", "sample", and phone
// numbers are of the range 555-01xx, which is nobody's.
import { Client } from '../../test/lib/client.mjs';

export const clinics = [
    { key: 'a', name: 'Clínica San Rafael (demo)', country: 'CO', timezone: 'America/Bogota' },
    { key: 'b', name: 'Lakeside Clinic (demo)', country: 'US', timezone: 'America/New_York' },
];

export const people = [
    { login: 'admissions', clinic: 'a', role: 'ADMISSIONS', name: 'Rosa Muestra' },
    { login: 'admin', clinic: 'a', role: 'ADMIN', name: 'Jorge Modelo' },
    { login: 'doctor', clinic: 'a', role: 'DOCTOR', name: 'Dra. Elena Prueba', phone: '+15555550101', tier: 1 },
    { login: 'doctor2', clinic: 'a', role: 'DOCTOR', name: 'Dr. Mateo Ejemplo', phone: '+15555550102', tier: 2 },
    { login: 'corporate', clinic: 'a', role: 'CORPORATE_ADMIN', name: 'Carmen Central' },
    { login: 'admissions-b', clinic: 'b', role: 'ADMISSIONS', name: 'Sam Sample' },
    { login: 'admin-b', clinic: 'b', role: 'ADMIN', name: 'Alex Placeholder' },
    { login: 'doctor-b', clinic: 'b', role: 'DOCTOR', name: 'Dr. Terry Testcase', phone: '+15555550103', tier: 1 },
];

const HOUR = 3_600_000;

// The commands print one line that holds the new row's id.
function idOf(output) {
    const id = output.match(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/);
    if (!id) throw new Error(`no id in: ${output}`);
    return id[0];
}

export async function seed(system) {
    const ids = {};
    for (const { key, name, country, timezone } of clinics) {
        const args = ['--name', name, '--country', country, '--timezone', timezone];
        ids[key] = idOf(await system.tool(['clinic', 'create', ...args]));
    }
    const accounts = [];
    for (const { login, clinic, role, name, phone } of people) {
        const authId = `demo|${login}`;
        const args = ['--clinic', ids[clinic], '--auth-id', authId, '--role', role, '--name', name];
        if (phone) args.push('--phone', '-'); // on standard input: arguments are for all to see
        const userId = idOf(await system.tool(['user', 'create', ...args], { input: phone && `${phone}\n` }));
        const clinicName = clinics.find((c) => c.key === clinic).name;
        accounts.push({ login, password: `demo-${login}`, name, role, authId, userId, phone });
        Object.assign(accounts.at(-1), { clinicId: ids[clinic], clinicName, clinic });
    }
    system.saveAccounts(accounts);
    return `${clinics.length} clinics, ${people.length} users`;
}

async function expect(status, call) {
    const answer = await call;
    if (answer.status !== status) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
}

export async function seedApi(system) {
    const accounts = system.accounts();
    const as = (login) => new Client(system.url, () => system.issuer.token(login));
    const now = Date.now();
    for (const { key } of clinics) {
        const onDuty = people.filter((p) => p.clinic === key && p.tier);
        const shifts = onDuty.map(({ login, tier }) => ({
            userId: accounts.find((a) => a.login === login).userId,
            tier,
            startsAt: new Date(now - HOUR).toISOString(),
            endsAt: new Date(now + 30 * 24 * HOUR).toISOString(),
        }));
        const admin = as(key === 'a' ? 'admin' : 'admin-b');
        await expect(200, admin.put('/api/v1/on-call', { shifts }));
        for (const { login } of onDuty) {
            const device = { token: `demo-device-${login}`, platform: 'android' };
            await expect(201, as(login).post('/api/v1/devices', device));
        }
    }
    return 'duty roster, devices';
}
