// Lines that hold card numbers: each category one way in which people, forms and OCR write them.
//
// Rule: a line is here only when a careful reader would call it a card number.
import { card, code, cut, expiry, line, luhnDigit, otherLabels, pan, printedGroups } from './kit.mjs';

const labels = [
    'Tarjeta:', 'N\u00famero de tarjeta', 'No. de tarjeta:', 'Nro. tarjeta', 'Tarjeta de cr\u00e9dito:', 'tarjeta d\u00e9bito',
    'TDC', 'Card number:', 'Credit card no.', 'card #', 'CARD NO', 'Debit Card:', 'Cardholder card number', 'CC#:',
    'pagar con', 'pago con tarjeta', 'cobrar a la', 'payment by card', 'charge to', 'Visa/MC:', 'Tarj. cr\u00e9dito:',
    'my card is', 'mi tarjeta es', 'N\u00b0 Tarjeta:', 'Datos de la tarjeta -', 'copay card', 'Tarjeta Cr\u00e9dito N\u00ba',
];
const strong = [
    'Tarjeta:', 'N\u00famero de tarjeta:', 'No. de tarjeta', 'Tarjeta de cr\u00e9dito:', 'Card number:', 'Credit card no.',
    'Credit Card #', 'Debit card number:', 'Nro. de tarjeta', 'Mastercard no.', 'tarjeta Visa', 'N\u00famero tarjeta d\u00e9bito:',
    'card number is', 'el n\u00famero de mi tarjeta es', 'Card No:', 'TARJETA N\u00b0',
];
const prose = [
    'la paciente entreg\u00f3', 'dijo que el n\u00famero es', 'she wrote', 'anotado en la hoja', 'see', 'dato recibido por tel\u00e9fono',
    'recepci\u00f3n anota', 'caller gave', '', '- ', 'nota:', 'Observaciones:', 'Comments',
];
const tails = ['', '', '.', ', gracias', ' ok', '\nTel 310 555 0142', ' - Ana P\u00e9rez', ' (titular)', ';', '\n', ' thanks', ')'];

const before = (c) => {
    const text = c.of(c.maybe(0.6) ? labels : prose);
    return text ? `${text}${c.of([' ', ' ', ': ', '\n', '  ', '\t'])}` : '';
};
const beforeStrong = (c) => c.of(strong) + c.of([' ', ' ', ': ', '  ']);

const joined = (separators) => (c) => {
    const n = card(c);
    return line(before(c), pan(printedGroups(n.digits).join(c.of(separators)), n), c.of(tails));
};

const boxed = (separators) => (c) => {
    const n = card(c);
    const by = c.of(separators);
    return line(before(c), pan([...n.digits].join(by), n), c.of(tails));
};

const zeros = {
    fullwidth: 0xff10, arabic: 0x660, persian: 0x6f0, devanagari: 0x966, bengali: 0x9e6, thai: 0xe50,
    tamil: 0xbe6, khmer: 0x17e0, bold: 0x1d7ce, mono: 0x1d7f6, nko: 0x7c0, gujarati: 0xae6, myanmar: 0x1040, lao: 0xed0,
};
const inScript = (digits, zero) => [...digits].map((d) => String.fromCodePoint(zero + Number(d))).join('');

const confusions = { 0: 'OoDQ', 1: 'lI|i', 2: 'Zz', 5: 'Ss', 6: 'Gb', 8: 'B', 9: 'gq' };

// `count` digits of the number read as letters, none in a group of its own.
function confused(c, n, count) {
    const chars = [...n.digits];
    const may = chars.map((d, i) => i).filter((i) => confusions[chars[i]]);
    for (let k = 0; k < count && may.length; k++) {
        const at = may.splice(c.int(0, may.length - 1), 1)[0];
        chars[at] = c.of([...confusions[chars[at]]]);
    }
    return chars.join('');
}

const confusedLine = (count) => (c) => {
    const n = card(c, { brand: c.of(['visa', 'mastercard', 'amex', 'discover', 'jcb']) });
    const text = confused(c, n, c.int(...count));
    return line(beforeStrong(c), pan(c.maybe(0.3) ? text : printedGroups(text).join(c.of([' ', '-'])), n), c.of(tails));
};

// Any cut into groups of 1 to 7, not of single digits only.
function unusual(c, digits) {
    const sizes = [];
    for (let left = digits.length; left > 0; ) {
        const n = Math.min(left, c.int(2, 7));
        sizes.push(n);
        left -= n;
    }
    return cut(digits, sizes);
}

const expiries = (c) => {
    const month = String(c.int(1, 12)).padStart(2, '0');
    const year = c.int(26, 39);
    return c.of([`${month}/${year}`, `${month}/20${year}`, `${month}-${year}`, `${month} / ${year}`, `${month}-20${year}`, `${month}.${year}`]);
};
const expiryLabels = [
    'vence', 'Vence:', 'v\u00e1lida hasta', 'VALIDA HASTA', 'v\u00e1lido hasta:', 'exp', 'Exp.', 'exp:', 'Expiry', 'Expiry date:', 'expires',
    'Expiration date', 'good thru', 'GOOD THRU', 'valid thru', 'Valid until', 'Vto.', 'vto', 'Fecha de vencimiento:', 'Vencimiento',
    'caduca', 'caducidad:', 'F. Venc.', 'fecha venc', 'Fecha de expiraci\u00f3n:', 'fecha exp.', 'expira', 'Exp Date', 'vencimiento el',
    'mes/a\u00f1o', 'MM/AA', 'MM/YY',
];
const codeLabels = [
    'CVV', 'cvv', 'CVV:', 'CVC', 'CVC2', 'CVV2 =', 'cvv #', 'c\u00f3digo de seguridad', 'C\u00f3digo de Seguridad:', 'codigo de seguridad', 'Security code',
    'security code:', 'Sec. code', 'CSC', 'CID', 'c\u00f3d. seguridad', 'Cod. Seg.', 'verification code', 'card code', 'clave de seguridad',
    'c\u00f3digo CVV', 'CVV/CVC', 'c\u00f3digo de verificaci\u00f3n', 'CVN', 'CAV2', 'card security code', 'c.v.v.', 'C\u00d3DIGO DE SEGURIDAD',
    'cod. verificaci\u00f3n', 'c\u00f3digo seguridad', '3 d\u00edgitos', 'CCV', 'cvv es', 'cvv is', 'CVV code', 'n\u00famero de seguridad',
];
const names = ['PEREZ/ANA', 'DOE/JANE', 'GARCIA LOPEZ/JUAN C', 'O NEIL/SEAN.MR', 'PRUEBA/CLINICA', 'NU\u00d1EZ/IN\u00c9S', ' /'];

export const positives = {
    solid: joined(['']),
    space: joined([' ']),
    spaces: joined(['  ', '   ', ' \t', '    ']),
    nbsp: joined(['\u00a0', '\u202f', '\u00a0 ']),
    thin_space: joined(['\u2009', '\u200a', '\u2002', '\u2003', '\u2005', '\u2006', '\u2007', '\u2008', '\u205f', '\u3000', '\u1680']),
    dash: joined(['-', ' - ', '--', '- ', ' -']),
    unicode_dash: joined(['\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2015', '\u2212', '\ufe58', '\ufe63', '\uff0d', ' \u2013 ', '\u00ad', '\u2043', '\u30fc', '\u2e3a']),
    dot: joined(['.', '. ', ' . ', '\u00b7', '\u2022', '\u22c5', '\uff0e', '\u2024', '\u2027', ' \u2022 ', '\u3002', '\u2026']),
    slash: joined(['/', ' / ', '\\', '\u2044', '\u2215', '\uff0f']),
    pipe: joined(['|', ' | ', '\uff5c', '\u2502', '\u00a6', '\u2758', '\u2503']),
    underscore: joined(['_', '__', ' _ ', '\uff3f']),
    comma_star: joined([',', ', ', '*', ' * ', '~', ';', ':', '+', "'", '"', '\u2019', ' : ']),
    zero_width: joined(['\u200b', '\u200c', '\u2060', '\ufeff', '\u00ad', '\u200b ', '\u200e', '\u2066']),
    mixed: (c) => {
        const n = card(c);
        const groups = printedGroups(n.digits);
        const separators = [' ', '-', '.', '  ', ' - ', '\u00a0', '/', '\u2013', '\n', '_', ''];
        return line(beforeStrong(c), pan(groups.map((g, i) => (i ? c.of(separators) : '') + g).join(''), n), c.of(tails));
    },
    line_break: (c) => {
        const n = card(c);
        const groups = printedGroups(n.digits);
        const at = c.int(1, groups.length - 1);
        const by = c.of(['\n', '\r\n', ' \n', '\n ', '\n    ', '-\n', '\u2028', '\n\n', '\f']);
        return line(before(c), pan(`${groups.slice(0, at).join(' ')}${by}${groups.slice(at).join(' ')}`, n), c.of(tails));
    },
    line_each: joined(['\n', '\r\n', '\n ']),
    break_inside: (c) => {
        const n = card(c);
        const at = c.int(2, n.digits.length - 2);
        return line(beforeStrong(c), pan(`${n.digits.slice(0, at)}\n${n.digits.slice(at)}`, n), c.of(tails));
    },
    cells: joined(['\t', ' | ', '\t\t', ' \u2502 ', ';', '" "', '","', '</td><td>']),
    table_row: (c) => {
        const n = card(c);
        const by = c.of(['\t', ' | ', ',', ';', '|', '","', '</td><td>']);
        return line(['nombre', 'tarjeta', 'vence'].join(by), '\n', `Ana P\u00e9rez${by}`, pan(c.maybe(0.5) ? n.digits : printedGroups(n.digits).join(' '), n), `${by}ok`);
    },
    boxes: boxed([' ', '|', ' | ', '  ', '\u2502', '-', '.', '_', ' |', '| ', '\t', '\u00a0', '][', '] [', ')(', '[]', '\u2503']),
    box_groups: (c) => {
        const n = card(c);
        const [near, far] = c.of([[' ', '   '], ['|', ' - '], [' ', ' - '], ['|', '| |'], ['|', '   '], [' ', '\n'], ['.', '  '], [' ', ' | ']]);
        return line(before(c), pan(printedGroups(n.digits).map((g) => [...g].join(near)).join(far), n), c.of(tails));
    },
    box_frame: (c) => {
        const n = card(c, { length: c.of([15, 16]) });
        const [open, by, close] = c.of([['[', '][', ']'], ['|', '|', '|'], ['| ', ' | ', ' |'], ['[ ', ' ] [ ', ' ]'], ['\u2502', '\u2502', '\u2502']]);
        return line(beforeStrong(c), open, pan([...n.digits].join(by), n), close);
    },
    unicode_digits: (c) => {
        const n = card(c);
        const zero = c.of(Object.values(zeros));
        const by = c.of(['', ' ', '-', '\u3000']);
        return line(before(c), pan(printedGroups(n.digits).map((g) => inScript(g, zero)).join(by), n), c.of(tails));
    },
    mixed_scripts: (c) => {
        const n = card(c);
        const some = Object.values(zeros);
        return line(before(c), pan(printedGroups(n.digits).map((g) => inScript(g, c.maybe(0.5) ? 0x30 : c.of(some))).join(' '), n), c.of(tails));
    },
    confused_few: confusedLine([1, 2]),
    confused_more: confusedLine([3, 5]),
    confused_shape: (c) => {
        const n = card(c, { length: 16 });
        return line(c.of(prose), ' ', pan(printedGroups(confused(c, n, 1)).join(c.of([' ', '-'])), n), c.of(tails));
    },
    unusual_groups: (c) => {
        const n = card(c);
        return line(beforeStrong(c), pan(unusual(c, n.digits).join(c.of([' ', '-', '.'])), n), c.of(tails));
    },
    glued: (c) => {
        const n = card(c);
        const head = c.of(['No', 'x', 'PAN', 'tarjeta', 'CARD', 'N\u00b0', '#', 'visa', 'card:', 'tc=', 'n\u00famero:', '\u20ac', '\u7801', 'nro.', 'ref', '(', '"', '<b>', "'", '>', 'No.']);
        const tail = c.of(['COP', 'EXP', 'ok', 'x', 'cvv', '\u5143', ')', '"', '</b>', ',', '\u00e1', '', '/', '_a']);
        return line(c.of(['', 'pago ', 'la ']), head, pan(n.digits, n), tail, c.of(['', ' fin']));
    },
    structured: (c) => {
        const n = card(c);
        const [a, b] = c.of([
            ['{"card":"', '"}'], ['{"cardNumber": ', '}'], ['card=', '&x=1'], ['<pan>', '</pan>'], ['card_number,', ',x'], ["pan='", "'"],
            ['https://pay.example/c/', '/charge'], ['?pan=', ''], ['mailto:', '@x.co'], ['- card: ', '\n'], ['tarjeta;', ';si'], ['INSERT INTO t VALUES (', ')'],
            ['file_', '.pdf'], ['scan-', '.png'], ['numero%3D', ''], ['4=', ''],
        ]);
        return line(a, pan(n.digits, n), b);
    },
    adjacent_numbers: (c) => {
        const n = card(c);
        const groups = printedGroups(n.digits).join(c.of([' ', '-']));
        const left = c.of([`${c.digits(1)} `, `${c.digits(2)} `, `${c.digits(3)} `, '', `item ${c.digits(3)}: `, `${c.int(1, 28)}/10/2026 `]);
        const right = c.of([` ${c.digits(1)}`, ` ${c.digits(2)}`, '', ` x${c.digits(2)}`, ` $${c.int(10, 999)}.00`]);
        return line(c.of(['tarjeta ', 'card ', 'qty ', '']), left, pan(groups, n), right, c.of(tails));
    },
    two_cards: (c) => {
        const a = card(c, { length: c.of([15, 16]) });
        const b = card(c, { length: c.of([15, 16]) });
        const by = c.of([' ', ', ', '\n', ' / ', ' y ', ' and ', '; ', '  ', '\t', ' - ']);
        const show = c.maybe(0.5) ? (n) => printedGroups(n.digits).join(' ') : (n) => n.digits;
        return line(c.of(['tarjetas ', 'cards: ', '', 'pago con ']), pan(show(a), a), by, pan(show(b), b), c.of(tails));
    },
    track1: (c) => {
        const n = card(c, { length: c.of([15, 16, 19]) });
        const end = c.maybe(0.7) ? '?' : '';
        return line(c.of(['', 'swipe ', 'raw: ']), pan(`%B${n.digits}^${c.of(names)}^${c.int(26, 39)}0${c.int(1, 9)}${c.of(['101', '201', '221'])}${c.digits(c.int(5, 16))}${end}`, n), c.of(['', ' ok']));
    },
    track2: (c) => {
        const n = card(c, { length: c.of([14, 15, 16, 19]) });
        const [open, by, close] = c.of([[';', '=', '?'], ['', '=', ''], ['', 'D', 'F'], [';', '=', '']]);
        return line(c.of(['', 'track2 ', 'banda: ']), pan(`${open}${n.digits}${by}${c.int(26, 39)}0${c.int(1, 9)}${c.of(['101', '201', '221'])}${c.digits(c.int(5, 12))}${close}`, n), c.of(['', ' ok']));
    },
    tracks_both: (c) => {
        const n = card(c, { length: 16 });
        const tail = `${c.int(26, 39)}0${c.int(1, 9)}101${c.digits(8)}`;
        return line(pan(`%B${n.digits}^${c.of(names)}^${tail}?`, n), pan(`;${n.digits}=${tail}?`, n));
    },
    code_near: (c) => {
        const n = card(c);
        const cvv = code(c.digits(n.brand === 'amex' ? 4 : 3));
        const by = c.of([' ', ', ', '\n', ' - ', '; ', '\t']);
        const label = c.of(codeLabels) + c.of([' ', ': ', ' ', ':']);
        const number = pan(printedGroups(n.digits).join(c.of([' ', '', '-'])), n);
        return c.maybe(0.8) ? line(beforeStrong(c), number, by, label, cvv, c.of(tails)) : line(label, cvv, by, beforeStrong(c), number);
    },
    expiry_near: (c) => {
        const n = card(c);
        const date = expiry(expiries(c));
        const by = c.of([' ', ', ', '\n', ' - ', '; ', '\t']);
        const label = c.of(expiryLabels) + c.of([' ', ': ', ' ']);
        const number = pan(printedGroups(n.digits).join(c.of([' ', '', '-'])), n);
        return c.maybe(0.8) ? line(beforeStrong(c), number, by, label, date, c.of(tails)) : line(label, date, by, beforeStrong(c), number);
    },
    all_three: (c) => {
        const n = card(c, { length: c.of([15, 16]) });
        return line(
            beforeStrong(c), pan(printedGroups(n.digits).join(' '), n), c.of([' ', '\n', ', ']), c.of(expiryLabels), ' ', expiry(expiries(c)),
            c.of([' ', '\n', ', ']), c.of(codeLabels), ' ', code(c.digits(n.brand === 'amex' ? 4 : 3)), c.of(tails),
        );
    },
    mistyped: (c) => {
        const n = card(c, { brand: c.of(['visa', 'mastercard', 'amex', 'discover']) });
        const body = n.digits.slice(0, -1);
        const wrong = { brand: n.brand, digits: body + String((Number(luhnDigit(body)) + c.int(1, 9)) % 10) };
        return line(beforeStrong(c), pan(printedGroups(wrong.digits).join(c.of([' ', '-', ''])), wrong, 'pan_invalid'), c.of(tails));
    },
    // another label with its own value stands before: it does not speak for the card
    other_then_card: (c) => {
        const n = card(c, { length: c.of([15, 16]) });
        const value = c.of([c.digits(c.int(3, 10)), 'ninguna', 'ver anexo', 'AB-' + c.digits(5)]);
        const by = c.of(['  ', '\n', ', ', '; ', ' / ', '. ', ' - ', '\t']);
        const label = c.of(['Card:', 'card', 'Card number', 'tarjeta', 'Tarjeta:', 'Visa', 'Tarjeta de cr\u00e9dito:', 'Mastercard', 'pago con tarjeta', 'credit card', 'TDC']);
        const show = c.maybe(0.5) ? n.digits : printedGroups(n.digits).join(c.of([' ', '-']));
        return line(c.of(otherLabels), c.of([' ', ': ', ':\n']), value, by, label, ' ', pan(show, n), c.of(tails));
    },
    other_then_card_json: (c) => {
        const n = card(c, { length: c.of([15, 16]) });
        const key = c.of(['ticket', 'mrn', 'order', 'user_id', 'policy', 'ts', 'invoice', 'txn', 'ref']);
        const label = c.of(['card', 'cardNumber', 'card_number', 'tarjeta', 'pan']);
        return c.of([
            line(`{"${key}":${c.digits(5)},"${label}":"`, pan(n.digits, n), '"}'), line(`${key}=${c.digits(6)} ${label}=`, pan(n.digits, n)),
            line(`{"${key}":{"${label}":"`, pan(n.digits, n), '"}}'), line(`${key}=${c.digits(4)}&${label}=`, pan(n.digits, n), '&x=1'),
        ]);
    },
    card_beside_other: (c) => {
        const n = card(c, { length: c.of([15, 16]) });
        const show = c.maybe(0.5) ? n.digits : printedGroups(n.digits).join(c.of([' ', '-']));
        const [head, tail] = c.of([
            ['Credit card account number: ', ''], ['Cuenta tarjeta ', ''], ['Cuenta de la tarjeta: ', ''], ['Card reference: ', ''], ['txn card=', ''], ['Primary Account Number: ', ''],
            ['ref ', ' tarjeta'], ['cuenta ', ' (tarjeta de cr\u00e9dito)'], ['Order ', ' visa'], ['account ', ' cvv 123'], ['referencia ', ' (Mastercard)'], ['Debit card account ', ''],
        ]);
        return line(head, pan(show, n), tail);
    },
    escaped: (c) => {
        const n = card(c, { length: c.of([15, 16]) });
        const around = c.of(['%22', '%27', '%28', '%20', '%3A', '\\u0022', '\\u0027', '\\x22', '&quot;', '&#34;', '&#x22;', '%2522', '\\"']);
        const by = c.of(['', '', '\\u0020', '\\u002d', '\\x20', '\\x2d', '&#x20;', '&#x2d;', '&#32;', '%20', '%2D', '&nbsp;']);
        return line(c.of(['q=', '', 'card=']), around, pan(printedGroups(n.digits).join(by), n), around);
    },
    crosses: (c) => {
        const n = card(c, { length: 16 });
        return line(beforeStrong(c), pan(printedGroups(n.digits).join(c.of(['x', 'X'])), n), c.of(tails));
    },
    twins: (c) => {
        const a = card(c, { length: 16 });
        const b = card(c, { length: c.of([15, 16]) });
        return line(c.of(['tarjetas ', 'cards: ', '', 'pago con ']), pan(a.digits, a), pan(b.digits, b), c.of(['', ' ok', '.']));
    },
    code_odd: (c) => {
        const n = card(c);
        const digits = c.digits(3);
        const label = c.of([
            'cvv', 'CVV:', 'C\u00f3d. Verif.:', 'c\u00f3digo de atr\u00e1s', 'code on back is', 'code on the back:', 'los tres de atr\u00e1s', 'exp 08/28 cvc',
        ]);
        const [open, written, close] = c.of([
            ['', digits, ''], ['', digits, ''], ['', [...digits].join(' '), ''], ['', [...digits].join('|'), ''], ['[', [...digits].join(']['), ']'],
        ]);
        const glued = [c.of(['exp0828cvv', 'cvv', 'Exp1127CVV', '0629cvv']), code(digits)];
        const apart = [label, ' ', open, code(written), close];
        return line(beforeStrong(c), pan(printedGroups(n.digits).join(c.of([' ', '-'])), n), c.of([', ', '\n', '. ']), c.maybe(0.2) ? glued : apart, c.of(['', '.', ' gracias']));
    },
};
