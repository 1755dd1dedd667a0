// What the fakes remember: calls, effects, faults, objects, and the search for leaked data in them.
//
// Rule: a fake never mends a caller's mistake. A request of the wrong shape is answered as the real
// service would and kept with the reason in `bad`.
import crypto from 'node:crypto';

export const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
export const randomHex = (bytes) => crypto.randomBytes(bytes).toString('hex');

// Results of a service: ok() is the answer of a request that was right, no() of one that was not;
// `why` is null where the request was right but its target is not there (a dead device token).
export const ok = (status, body, more = {}) => ({ status, body, ...more });
export const no = ([status, body], why) => ({ status, body, bad: why });

export function luhn(digits) {
    let sum = 0;
    for (let i = 0; i < digits.length; i++) {
        let d = Number(digits[digits.length - 1 - i]);
        if (i % 2) d = d > 4 ? d * 2 - 9 : d * 2;
        sum += d;
    }
    return sum % 10 === 0;
}

export class State {
    constructor(config) {
        this.config = config;
        this.canaries = [];
        this.seq = 0;
        this.reset();
    }

    reset() {
        this.faults = [];
        this.calls = [];
        this.effects = [];
        this.objects = new Map();
        this.orders = seedOrders();
        this.payments = [];
    }

    // Card numbers (13 to 19 digits, Luhn-valid) and canary strings in the bytes of a request, also
    // behind one layer of URL encoding.
    leaks(bytes) {
        const text = bytes.toString('utf8');
        const plain = text.replace(/\+/g, ' ');
        let decoded = '';
        try {
            decoded = decodeURIComponent(plain);
        } catch {
            decoded = plain;
        }
        const all = `${text}\n${decoded}`;
        const found = new Set();
        for (const match of all.matchAll(/(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d)/g)) {
            const digits = match[0].replace(/\D/g, '');
            if (luhn(digits) && !/^(\d)\1+$/.test(digits)) found.add(`PAN ****${digits.slice(-4)}`);
        }
        for (const canary of this.canaries) if (all.includes(canary)) found.add(`CANARY ${canary}`);
        return [...found];
    }

    // Live fault for a call, counted down; undefined when there is none.
    takeFault(service, path) {
        const fault = this.faults.find(
            (f) =>
                f.svc === service &&
                f.n > 0 &&
                (!f.match || new RegExp(f.match).test(path)) &&
                Math.random() < f.p,
        );
        if (fault) {
            fault.n--;
            fault.hits++;
        }
        return fault;
    }

    stats() {
        const times = {};
        for (const e of this.effects) (times[`${e.effect} ${e.key}`] ||= []).push(e.t);
        const duplicates = Object.entries(times)
            .filter(([, t]) => t.length > 1)
            .map(([key, t]) => ({ key, times: t.length, spread_ms: t.at(-1) - t[0] }));
        return {
            calls: this.calls.length,
            rejected_shape: this.calls.filter((c) => c.bad).length,
            effects: this.effects.length,
            distinct: Object.keys(times).length,
            duplicates,
            leaks: this.calls
                .filter((c) => c.leaks?.length)
                .map(({ svc, path, leaks }) => ({ svc, path, leaks })),
            objects: this.objects.size,
            fault_hits: this.faults.map((f) => [f.svc, f.mode, f.hits]),
        };
    }
}

// Orders as Square lists them; tests and the demo add their own, with a patient's id in reference_id.
function seedOrders() {
    const states = ['OPEN', 'COMPLETED', 'CANCELED'];
    return Array.from({ length: 1205 }, (_, i) => ({
        id: `ORD${String(i).padStart(5, '0')}`,
        location_id: `L${i % 3}`,
        state: states[i % 3],
        version: 1,
        updated_at: new Date(1.7e12 + i * 1000).toISOString(),
        total_money: { amount: 1000 + i, currency: 'USD' },
        metadata: { patient_id: `p${i}` },
    }));
}
