// What the made corpus is built from: seeded chance, card numbers, lines with labelled parts.
//
// Rule: everything follows from the seed; the same seed gives the same bytes on every machine.

export class Chance {
    constructor(seed) {
        this.state = seed >>> 0;
    }

    // mulberry32: a float in [0, 1)
    next() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;
        let t = this.state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    }

    int(low, high) {
        return low + Math.floor(this.next() * (high - low + 1));
    }

    of(list) {
        return list[this.int(0, list.length - 1)];
    }

    maybe(share) {
        return this.next() < share;
    }

    digits(n) {
        return Array.from({ length: n }, () => this.int(0, 9)).join('');
    }

    hex(n) {
        return Array.from({ length: n }, () => '0123456789abcdef'[this.int(0, 15)]).join('');
    }
}

// The digit that makes `body` pass the Luhn check.
export function luhnDigit(body) {
    let sum = 0;
    for (let i = 0; i < body.length; i++) {
        const d = Number(body[body.length - 1 - i]) * (i % 2 === 0 ? 2 : 1);
        sum += d > 9 ? d - 9 : d;
    }
    return String((10 - (sum % 10)) % 10);
}

export const luhnOk = (digits) => luhnDigit(digits.slice(0, -1)) === digits.at(-1);

const range = (low, high) => [low, high];

// Issuer ranges and lengths as the brands publish them, written down apart from lib/pan/brand.c.
export const brands = [
    { brand: 'visa', ranges: [range(400000, 499999)], lengths: [13, 16, 16, 16, 19] },
    { brand: 'mastercard', ranges: [range(510000, 559999), range(222100, 272099)], lengths: [16] },
    { brand: 'amex', ranges: [range(340000, 349999), range(370000, 379999)], lengths: [15] },
    {
        brand: 'discover',
        ranges: [range(601100, 601199), range(644000, 649999), range(650000, 659999)],
        lengths: [16, 16, 16, 19],
    },
    {
        brand: 'diners',
        ranges: [range(300000, 305999), range(309500, 309599), range(360000, 369999), range(380000, 399999)],
        lengths: [14, 14, 16],
    },
    { brand: 'jcb', ranges: [range(352800, 358999)], lengths: [16, 16, 19] },
    { brand: 'unionpay', ranges: [range(620000, 629999)], lengths: [16, 16, 17, 18, 19] },
    {
        brand: 'maestro',
        ranges: [
            range(501800, 501899),
            range(502000, 502099),
            range(503800, 503899),
            range(589300, 589399),
            range(630400, 630499),
            range(670000, 679999),
        ],
        lengths: [13, 15, 16, 16, 18, 19],
    },
];

// A card number: {brand, digits}. `want` fixes brand or length.
export function card(chance, want = {}) {
    const fits = brands.filter(
        (b) => (!want.brand || b.brand === want.brand) && (!want.length || b.lengths.includes(want.length)),
    );
    const { brand, ranges, lengths } = chance.of(fits);
    const [low, high] = chance.of(ranges);
    const length = want.length ?? chance.of(lengths);
    const body = String(chance.int(low, high)) + chance.digits(length - 7);
    return { brand, digits: body + luhnDigit(body) };
}

// The number as printed on the card, as a list of groups.
export function printedGroups(digits) {
    const cuts = { 13: [4, 3, 3, 3], 14: [4, 6, 4], 15: [4, 6, 5], 16: [4, 4, 4, 4] };
    const sizes = cuts[digits.length] ?? [4, 4, 4, 4, digits.length - 16];
    return cut(digits, sizes);
}

export function cut(digits, sizes) {
    const groups = [];
    let at = 0;
    for (const n of sizes) {
        groups.push(digits.slice(at, at + n));
        at += n;
    }
    return groups;
}

export const pan = (text, number, type = 'pan') => ({ text, type, pan: number.digits, brand: number.brand });
export const code = (text) => ({ text, type: 'cvv' });
export const expiry = (text) => ({ text, type: 'expiry' });

// Joins strings and labelled parts to {text, spans} with UTF-8 byte offsets.
export function line(...parts) {
    let text = '';
    const spans = [];
    for (const part of parts.flat(Infinity)) {
        if (typeof part === 'string') {
            text += part;
            continue;
        }
        const { text: own, ...label } = part;
        const start = Buffer.byteLength(text);
        text += own;
        spans.push({ byte_start: start, byte_end: Buffer.byteLength(text), ...label });
    }
    return { text, spans };
}

// Names of other numbers a clinic writes, as on its papers.
export const otherLabels = [
    'MRN', 'HC', 'HC No.', 'Historia cl\u00ednica', 'Expediente', 'C\u00e9dula', 'C.C.', 'DNI', 'Factura', 'Invoice', 'Order', 'Pedido No.', 'Ticket',
    'Radicado', 'Autorizaci\u00f3n', 'Autorizaci\u00f3n No.', 'P\u00f3liza', 'P\u00f3liza No.', 'Policy #', 'Member ID', 'Subscriber #', 'Group #', 'Claim', 'Siniestro',
    'Referencia', 'Ref.', 'Reference', 'Gu\u00eda', 'Tracking', 'Comprobante', 'Folio', 'Recibo', 'Lote', 'Lot', 'Serial', 'S/N', 'Registro Sanitario',
    'Certificado', 'Matr\u00edcula', 'Oficio', 'Cuenta', 'Account', 'Case number', 'Muestra', 'Accession', 'NIT', 'RUT', 'IMEI', 'Afiliado', 'Contrato', 'Medicare', 'Patient ID', 'Paciente ID', 'Credencial', 'Chart #', 'Health plan ID',
];
