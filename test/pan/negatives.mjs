// Lines without a card number: what a clinic writes that has as many digits.
//
// Rule: a number that would also be a card number by issuer range and Luhn stands only under its own
// label (IMEI, tracking, ...), as it does on paper.
import { card, line, luhnDigit, otherLabels, printedGroups } from './kit.mjs';

const d = (c, n) => c.digits(n);
const two = (n) => String(n).padStart(2, '0');
const fours = (digits, by = ' ') => digits.match(/.{1,4}/g).join(by);
const threes = (digits, by) => digits.replace(/\B(?=(\d{3})+$)/g, by);
const text = (make) => (c) => line(make(c));
const withLuhn = (body) => body + luhnDigit(body);

const phone = (c) =>
    c.of([
        () => `+57 3${d(c, 2)} ${d(c, 3)} ${d(c, 4)}`, () => `(60${c.int(1, 8)}) ${d(c, 3)} ${d(c, 4)}`, () => `3${d(c, 9)}`, () => `+52 55 ${d(c, 4)} ${d(c, 4)}`,
        () => `+54 9 11 ${d(c, 4)}-${d(c, 4)}`, () => `+56 9 ${d(c, 4)} ${d(c, 4)}`, () => `+51 9${d(c, 2)} ${d(c, 3)} ${d(c, 3)}`, () => `+593 9${c.int(0, 9)} ${d(c, 3)} ${d(c, 4)}`,
        () => `+34 6${d(c, 2)} ${d(c, 2)} ${d(c, 2)} ${d(c, 2)}`, () => `+1 (${c.int(201, 989)}) 555-${d(c, 4)}`, () => `${c.int(201, 989)}.555.${d(c, 4)}`, () => `1-809-555-${d(c, 4)}`,
        () => `${c.int(2, 7)}${d(c, 3)}-${d(c, 4)}`, () => `00${c.int(30, 59)}${d(c, 10)}`, () => `+50${c.int(2, 7)} ${d(c, 4)} ${d(c, 4)}`, () => `+${c.int(30, 59)}${d(c, 10)}`,
    ])();
const phoneLabel = ['Tel:', 'Tel\u00e9fono', 'Cel.', 'celular:', 'Phone', 'Mobile', 'WhatsApp', 'Contacto de emergencia:', 'llamar al', 'call', 'Fax', 'M\u00f3vil', 'Tels.', 'emergency contact', 'Home/Work:'];

const date = (c) => [two(c.int(1, 28)), two(c.int(1, 12)), String(c.int(1930, 2026))];
const clock = (c) => `${two(c.int(0, 23))}:${two(c.int(0, 59))}`;

export const negatives = {
    phone: text((c) => `${c.of(phoneLabel)} ${phone(c)}`),
    phone_list: text((c) => `${c.of(phoneLabel)} ${phone(c)}${c.of([' / ', ', ', ' o ', ' or ', '; ', '\n', ' - '])}${phone(c)}`),
    phone_bare_pair: text((c) => `${c.int(201, 989)} 555 ${d(c, 4)} ${c.int(201, 989)} 555 ${d(c, 4)}`),
    phone_eight: text((c) => `${c.of(['Tel.', 'Tel\u00e9fonos:', 'Cel', 'Phone'])} ${c.int(2, 7)}${d(c, 3)}-${d(c, 4)} / ${c.int(2, 7)}${d(c, 3)}-${d(c, 4)}`),
    cedula_co: text((c) => `${c.of(['C.C.', 'CC', 'c\u00e9dula', 'Documento', 'CC No.', 'T.I.', 'C.E.'])} ${c.of([threes(String(c.int(1, 9)) + d(c, 9), '.'), threes(String(c.int(1, 9)) + d(c, 7), '.'), String(c.int(1, 9)) + d(c, 9)])}${c.of(['', ' de Cali', ' expedida en Tunja'])}`),
    ids_latam: text((c) =>
        c.of([
            `C.I. ${two(c.int(1, 24))}${d(c, 8)}`, `c\u00e9dula ${d(c, 9)}-${d(c, 1)}`, `DNI ${d(c, 8)}`, `DNI ${d(c, 8)}${c.of([...'TRWAGMYFPDX'])}`, `RUC 20${d(c, 9)}`, `RUC 17${d(c, 8)}001`,
            `RUT ${threes(String(c.int(5, 25)) + d(c, 6), '.')}-${c.of([...'0123456789K'])}`, `c\u00e9dula dominicana ${d(c, 3)}-${d(c, 7)}-${d(c, 1)}`, `NSS ${d(c, 11)}`, `NSS ${d(c, 2)} ${d(c, 2)} ${d(c, 2)} ${d(c, 4)} ${d(c, 1)}`,
            `CURP GARC${d(c, 6)}HDFRRL0${d(c, 1)}`, `RFC GACJ${d(c, 6)}AB${d(c, 1)}`, `CPF ${d(c, 3)}.${d(c, 3)}.${d(c, 3)}-${d(c, 2)}`, `INE ${d(c, 13)}`, `clave de elector GRCJNN${d(c, 8)}H${d(c, 3)}`, `CUIL 20-${d(c, 8)}-${d(c, 1)}`,
            `SSN ${d(c, 3)}-${d(c, 2)}-${d(c, 4)} MRN ${d(c, 8)}`, `DUI ${d(c, 8)}-${d(c, 1)}`, `DPI ${d(c, 4)} ${d(c, 5)} ${d(c, 4)}`, `CUI ${d(c, 4)} ${d(c, 5)} ${d(c, 4)}`, `RNC ${d(c, 9)}`,
        ])),
    nit: text((c) => `NIT ${c.of([threes(`${c.of(['800', '811', '830', '860', '890', '900', '901'])}${d(c, 6)}`, '.'), `9${d(c, 8)}`])}-${d(c, 1)}${c.of(['', ' Cl\u00ednica San Rafael', ` Tel ${phone(c)}`])}`),
    imei: text((c) => {
        const n = withLuhn(`${c.of(['35', '86', '01', '99', '34', '37'])}${d(c, 12)}`);
        return `${c.of(['IMEI', 'IMEI:', 'imei 1', 'IMEI no.', 'equipo IMEI', 'tel\u00e9fono IMEI'])} ${c.of([n, `${n.slice(0, 2)}-${n.slice(2, 8)}-${n.slice(8, 14)}-${n[14]}`, `${n.slice(0, 6)} ${n.slice(6, 8)} ${n.slice(8, 14)} ${n[14]}`, `${n.slice(0, 8)}/${n.slice(8, 14)}/${n[14]}`])}`;
    }),
    imei_bare: text((c) => withLuhn(`${c.of(['35', '86', '01', '99'])}${d(c, 12)}`)),
    imei_sv: text((c) => `IMEISV ${withLuhn(`35${d(c, 13)}`)}`),
    npi: text((c) => { const n = withLuhn(`80840${c.int(1, 2)}${d(c, 8)}`); return c.of([`NPI ${n.slice(5)}`, `NPI ${n}`, `provider ${n.slice(5)} / ${n}`, `Dr. Ruiz NPI: ${n.slice(5)} fax ${phone(c)}`]); }),
    iccid: text((c) => { const n = withLuhn(`89${c.of(['57', '52', '34', '01', '51'])}${d(c, c.of([14, 15]))}`); return `${c.of(['ICCID', 'ICCID:', 'SIM', 'chip', ''])} ${c.of([n, fours(n), `${n}F`])}`; }),
    tracking: text((c) =>
        c.of([
            `UPS 1Z${c.hex(6).toUpperCase()}${d(c, 10)}`, `FedEx ${d(c, 12)}`, `FedEx ${d(c, 15)}`, `FedEx tracking ${fours(d(c, 12))}`, `DHL ${d(c, 10)}`, `gu\u00eda DHL JD0146${d(c, 12)}`, `USPS 94${d(c, 20)}`,
            `USPS tracking 9400 1${d(c, 3)} ${d(c, 4)} ${d(c, 4)} ${d(c, 4)} ${d(c, 2)}`, `gu\u00eda Servientrega ${d(c, 10)}`, `tracking number ${d(c, 14)}`, `env\u00edo ${d(c, 13)}CO`, `Coordinadora gu\u00eda ${d(c, 11)}`,
        ])),
    epoch: text((c) => { const s = c.int(1500000000, 1899999999); return c.of([`${s}`, `ts=${s}${d(c, 3)}`, `"time":${s}${d(c, 6)}`, `${s}.${d(c, 6)}`, `iat ${s} exp ${s + 3600}`, `${s}${d(c, 9)} ns`, `[${s}${d(c, 3)}] GET /x`, `${s}${d(c, 3)} ${s}${d(c, 3)}`, `start ${s} end ${s + 77} n=${d(c, 4)}`]); }),
    datetime: text((c) => {
        const [day, month, year] = date(c), [day2, month2, year2] = date(c);
        return c.of([
            `${year}-${month}-${day}T${clock(c)}:${two(c.int(0, 59))}.${d(c, 6)}Z`, `${day}/${month}/${year} ${day2}/${month2}/${year2}`, `${year}${month}${day}${d(c, 6)}`, `${day}-${month}-${year} ${clock(c)} a ${day2}-${month2}-${year2} ${clock(c)}`,
            `FUR ${day}/${month}/${year} FPP ${day2}/${month2}/${year2} control ${day}/${month2}/2026`, `${month}/${day}/${year}, ${month2}/${day2}/${year2}, ${month}/${day2}/${year}`, `${day}.${month}.${year} ${day2}.${month2}.${year2}`, `${day} ${month} ${year} ${day2} ${month2} ${year2}`,
        ]);
    }),
    card_dates: text((c) => { const [a, b, y] = date(c), [a2, b2, y2] = date(c); return `${c.of(['tarjeta de vacunas', 'no paga con tarjeta, control', 'pag\u00f3 en efectivo', 'payment plan'])} ${a}/${b}/${y} ${a2}/${b2}/${y2}`; }),
    insurance: text((c) => `${c.of(['P\u00f3liza', 'Afiliado', 'Member ID', 'Policy No.', 'Seguro', 'EPS Sura', 'Insurance ID', 'Subscriber', 'Group #', 'Aseguradora', 'Carn\u00e9', 'Contrato', 'insurance card no.', 'N\u00famero de afiliaci\u00f3n', 'Medicare', 'Medicaid ID', 'prepagada'])} ${c.of([d(c, 9), `W${d(c, 8)}`, `ABC${d(c, 9)}`, `${d(c, 11)}`, `${d(c, 3)}-${d(c, 2)}-${d(c, 4)}`, `XYZ${d(c, 12)}`, `1EG4-TE5-MK${d(c, 2)}`, `${d(c, 12)}`, `00${d(c, 10)}`])}`),
    insurance_long: text((c) => `${c.of(['P\u00f3liza', 'Policy number', 'Member ID', 'afiliado No.', 'insurance card', 'carn\u00e9 EPS'])} ${withLuhn(c.of(['4', '51', '62', '37']) + d(c, 13)).slice(0, c.of([13, 14]))}0`),
    lab: text((c) => `Na ${c.int(130, 150)} K ${c.int(3, 5)}.${d(c, 1)} Cl ${c.int(95, 110)} CO2 ${c.int(20, 32)} BUN ${c.int(8, 30)} Cr 0.${d(c, 2)} Glu ${c.int(70, 300)} WBC ${c.int(4, 15)}.${d(c, 1)} Plt ${c.int(100, 400)}`),
    lab_list: text((c) => c.of([Array.from({ length: 8 }, () => c.int(60, 400)).join(' '), Array.from({ length: 6 }, () => `${c.int(3, 15)}.${d(c, 1)}`).join(' '), Array.from({ length: 9 }, () => c.int(10, 99)).join(', '), `glucemias: ${Array.from({ length: 7 }, () => c.int(70, 250)).join('-')}`, `peso ${Array.from({ length: 5 }, () => `${c.int(50, 99)}.${d(c, 1)}`).join(' / ')}`, `4000 ${d(c, 3)} 5000 ${d(c, 3)} 300`])),
    vitals: text((c) => `${c.of(['TA', 'BP', 'PA'])} ${c.int(90, 180)}/${c.int(50, 110)} ${c.of(['FC', 'HR'])} ${c.int(50, 140)} FR ${c.int(10, 30)} SpO2 ${c.int(85, 100)} T ${c.int(35, 40)}.${d(c, 1)}`),
    vitals_rows: text((c) => Array.from({ length: 4 }, () => `${clock(c)} ${c.int(90, 180)}/${c.int(50, 110)} ${c.int(50, 140)} ${c.int(10, 30)} ${c.int(85, 100)} 3${c.int(5, 9)}.${d(c, 1)}`).join(c.of(['\n', ' | ', '; ']))),
    vitals_bare: text((c) => Array.from({ length: 4 }, () => `${c.int(90, 180)} ${c.int(50, 110)} ${c.int(50, 140)} ${c.int(10, 30)} ${c.int(85, 99)}`).join(c.of(['\n', ' ', ' | ']))),
    uuid: text((c) => `${c.of(['id ', '', 'request ', 'form='])}${c.hex(8)}-${c.hex(4)}-4${c.hex(3)}-${c.of(['8', '9', 'a', 'b'])}${c.hex(3)}-${c.hex(12)}`),
    uuid_digits: text((c) => `id ${d(c, 8)}-${d(c, 4)}-4${d(c, 3)}-8${d(c, 3)}-${d(c, 12)}`),
    hash: text((c) => `${c.of(['sha256 ', 'md5:', 'commit ', 'etag "', ''])}${c.hex(c.of([32, 40, 64]))}`),
    hex_dump: text((c) => Array.from({ length: 16 }, () => c.hex(2)).join(' ')),
    amounts: text((c) => c.of([`$ ${threes(String(c.int(1, 9)) + d(c, 15), '.')}`, `$ ${threes(String(c.int(1, 9)) + d(c, 12), ',')}.00`, `COP ${threes(String(c.int(4, 5)) + d(c, 15), '.')}`, `total ${threes(String(c.int(1, 9)) + d(c, 5), '.')} abono ${threes(String(c.int(1, 9)) + d(c, 5), '.')} saldo ${threes(d(c, 6), '.')}`, `$${c.int(1000, 5999)}.00 $${c.int(1000, 9999)}.00 $${c.int(1000, 9999)}.00`, `pago ${threes(String(c.int(4, 5)) + d(c, 15), c.of(['.', ',', ' ']))}`, `valor a pagar ${threes(String(c.int(1, 5)) + d(c, 8), '.')},00 cuota ${threes(d(c, 6), '.')}`, `USD ${d(c, 4)},${d(c, 2)} EUR ${d(c, 4)},${d(c, 2)}`])),
    barcode: text((c) => `${c.of(['EAN', 'barcode', 'GTIN', 'c\u00f3digo de barras', 'UPC', 'UDI (01)', 'cod. barras'])} ${c.of([`770${d(c, 10)}`, `0${d(c, 11)}`, `${d(c, 13)}`, `0${d(c, 13)}`, `1 ${d(c, 5)} ${d(c, 5)} ${d(c, 1)}`])}`),
    gs1: text((c) => `(01)0${d(c, 13)}(17)${d(c, 6)}(10)${d(c, 6)}(21)${d(c, 8)}`),
    iban: text((c) => c.of([`IBAN ES${d(c, 2)} ${fours(d(c, 20))}`, `ES${d(c, 22)}`, `IBAN DE${d(c, 2)} ${fours(d(c, 18))}`, `DE${d(c, 2)} ${fours(d(c, 18))}`, `IBAN CR${d(c, 2)} ${fours(d(c, 18))}`, `IBAN: FR${d(c, 2)} ${fours(d(c, 20))}`, `GT${d(c, 2)} TRAJ ${fours(d(c, 20))}`, `ES${d(c, 2)}-${fours(d(c, 20), '-')}`])),
    bank: text((c) => c.of([`CLABE ${c.of(['012', '014', '646', '072', '036'])}${d(c, 15)}`, `cuenta Bancolombia ${d(c, 3)}-${d(c, 6)}-${d(c, 2)}`, `cuenta de ahorros ${d(c, 11)}`, `account ${d(c, 12)} routing ${d(c, 9)}`, `CBU ${d(c, 22)}`, `CCI ${d(c, 3)}-${d(c, 3)}-${d(c, 12)}-${d(c, 2)}`, `consignar a la cuenta No. ${d(c, 10)}`, `CLABE interbancaria ${c.of(['646', '638'])} ${d(c, 3)} ${d(c, 11)} ${d(c, 1)}`, `c.c. ${d(c, 4)} ${d(c, 4)} ${d(c, 2)} ${d(c, 10)}`])),
    invoice: text((c) => `${c.of(['factura', 'Invoice', 'Factura electr\u00f3nica FE', 'CUFE', 'pedido', 'Orden', 'Order #', 'recibo', 'autorizaci\u00f3n', 'radicado', 'Ticket', 'MRN', 'historia cl\u00ednica', 'HC', 'NAP', 'expediente', 'folio'])} ${c.of([d(c, 8), d(c, 10), `2026${d(c, 8)}`, `${d(c, 4)}-${d(c, 6)}`, d(c, 12), `110010200020260${d(c, 8)}`])}`),
    wrong_luhn: text((c) => { const b = c.of(['4', '51', '37', '62', '6011']); const body = b + d(c, 15 - b.length); return `${c.of(['factura', 'Case no.', 'Expediente', 'ref', 'muestra', 'orden', 'c\u00f3digo'])} ${body}${(Number(luhnDigit(body)) + c.int(1, 9)) % 10}`; }),
    wrong_range: text((c) => { const n = withLuhn(c.of(['1', '7', '9', '84', '0']) + d(c, 13)); return `${c.of(['Referencia', 'barcode', 'ref', ''])} ${c.of([n, fours(n), fours(n, '-')])}`; }),
    coordinates: text((c) => c.of([`${c.int(1, 9)}.${d(c, 6)}, -7${c.int(0, 9)}.${d(c, 6)}`, `4.${d(c, 8)} -74.${d(c, 8)}`, `lat=4.${d(c, 7)}&lon=-74.${d(c, 7)}`, `POINT(-74.${d(c, 6)} 4.${d(c, 6)})`, `4\u00b0${c.int(10, 59)}'${c.int(10, 59)}.${d(c, 4)}"N 74\u00b0${c.int(10, 59)}'${c.int(10, 59)}.${d(c, 4)}"W`])),
    versions: text((c) => c.of([`v${d(c, 2)}.${d(c, 2)}.${d(c, 4)}.${d(c, 4)}`, `libc 2.36 gcc 12.2.0 kernel 6.1.0-${d(c, 2)} build ${d(c, 8)}`, `firmware 4.${d(c, 1)}.${d(c, 2)}.${d(c, 4)}-${d(c, 5)}`, `10.${c.int(0, 255)}.${c.int(0, 255)}.${c.int(0, 255)} 192.168.${c.int(0, 255)}.${c.int(0, 255)}`, `mac 4c:${c.hex(2)}:51:${c.hex(2)}:37:${c.hex(2)}`])),
    files: text((c) => `${c.of(['IMG_', 'scan_', 'DSC', 'WhatsApp Image ', 'VID-', 'form-'])}2026${two(c.int(1, 12))}${two(c.int(1, 28))}${c.of(['_', '-', ' '])}${d(c, 6)}${c.of(['', `_${d(c, 3)}`, ` (${d(c, 1)})`])}${c.of(['.jpg', '.png', '.pdf'])}`),
    dicom: text((c) => `1.2.840.${d(c, 6)}.2.1.4.${d(c, 4)}.${d(c, 5)}.${c.int(1000000, 9999999)}`),
    medication: text((c) => `${c.of(['losart\u00e1n', 'metformina', 'acetaminof\u00e9n', 'enalapril'])} ${c.of([50, 500, 850, 1000])} mg c/${c.of([6, 8, 12])}h x ${c.int(3, 30)} d, ${c.int(10, 90)} tab, lote ${d(c, 6)} vence ${two(c.int(1, 12))}/20${c.int(26, 30)}`),
    masked: text((c) => c.of([`**** **** **** ${d(c, 4)}`, `XXXX-XXXX-XXXX-${d(c, 4)} exp 05/28`, `tarjeta terminada en ${d(c, 4)}`, `card ending ${d(c, 4)}`, `${c.int(400000, 499999)}******${d(c, 4)}`, `************${d(c, 4)} vence`, `xxxx xxxx xxxx ${d(c, 4)} CVV`])),
    words: text((c) => Array.from({ length: 9 }, () => c.of(['BOIl', 'SOS', 'gIl', 'bOSS', 'BIll', 'IlIl', 'SOlO', 'ozil', 'Gigi', 'Zobi', 'lobo', 'dollies', 'solo', 'si', 'o', 'Bob', 'Oslo'])).join(' ')),
    long_digits: text((c) => `${c.of(['sample', 'serial', 'blob', ''])} ${d(c, c.int(24, 60))}`),
    dates_expiry: text((c) => `${c.of(['lote', 'medicamento', 'vacuna', 'carn\u00e9'])} ${c.of(['vence', 'exp', 'v\u00e1lido hasta'])} ${two(c.int(1, 12))}/${c.int(26, 40)} c\u00f3digo ${d(c, 3)}`),
    math: text((c) => `${d(c, 3)} + ${d(c, 3)} = ${d(c, 4)}; ${d(c, 2)} * ${d(c, 2)} = ${d(c, 4)}; ${d(c, 5)} / ${d(c, 3)}`),
    address: text((c) => `Calle ${c.int(1, 180)} # ${c.int(1, 99)}-${c.int(1, 99)} apto ${d(c, 3)}, CP ${d(c, 5)}, Tel ${phone(c)}`),
    checkboxes: text((c) => Array.from({ length: 6 }, () => c.of(['[ ]', '[x]', '( )', '[1]', '[0]'])).join(' ') + ` dolor 0 1 2 3 4 5 6 7 8 9 10`),
    // a number that might be a card's by range, length and Luhn, grouped or not, under its own label
    own_label: text((c) => {
        const n = card(c, { length: c.of([15, 16]) }).digits;
        const label = c.of([...otherLabels, 'Tarjeta del seguro No.', 'Tarjeta sanitaria', 'Insurance card number:', 'Tarjeta de identidad', 'monto', 'Carn\u00e9 No.']);
        return `${label}${c.of([' ', ': ', ' '])}${c.of([n, printedGroups(n).join(' '), printedGroups(n).join('-')])}${c.of(['', '.', ' fecha 22/11/2026', ' vence 08/27', '\nPaciente estable', ', firma'])}`;
    }),
    // a noun no list knows, with a word or a sign for "number"
    unknown_label: text((c) => {
        const noun = c.of(['Gaveta', 'Anaquel', 'Casillero', 'Drawer', 'Shelf', 'Cama', 'Bed', 'Ambulancia', 'Ficha', 'Vale', 'Bomba', 'Pump', 'Cilindro', 'Consentimiento', 'Consent', 'Informe', 'Report', 'Memo', 'Prótesis', 'Lens', 'Visita', 'Encuentro', 'Vehicle', 'Permiso', 'Kit']);
        return `${c.of([`${noun} No. `, `${noun} # `, `${noun} #`, `${noun} N\u00ba `, `${noun} nro. `, `${noun} number: `, `${noun} ID: `, `${noun} code `, `C\u00f3digo de ${noun}: `, `N\u00famero de ${noun} `])}${card(c, { length: c.of([13, 15, 16, 19]) }).digits}${c.of(['', '.', ', firma', '\nPaciente estable'])}`;
    }),
    measures: text((c) => `${c.of(['medidas', 'caja', 'resoluci\u00f3n', 'size'])} ${c.int(4000, 5999)}x${d(c, 4)}x${d(c, 4)}x${d(c, 4)}`),
};
