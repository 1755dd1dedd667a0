// A form that no general reader can know: its own words for the usual questions, answers on the far
// side of the page, values above right-aligned labels. What the clinic's confirmations must teach.
//
// Rule: only the values change from one to the next; `shift` moves the whole, as another scan does.
import { pdfPage } from './bad_files.mjs';

// Helvetica's widths are not needed exactly: right-aligned text may hang by a letter.
const right = (x, size, text) => x - text.length * size * 0.5;

export function oddForm(v, { shift = [0, 0], scale = 1 } = {}) {
    const lines = [];
    const rules = [];
    const put = (x, y, size, text) => lines.push([x * scale + shift[0], y * scale + shift[1], size * scale, text]);
    const under = (x, y, w) => rules.push([x * scale + shift[0], y * scale + shift[1], w * scale, 0.7]);
    put(60, 60, 17, 'Unidad Mirador del Puerto');
    put(60, 80, 10, 'Hoja 7-C para quien llega');
    // Two columns; the question stands far from its answer.
    put(60, 130, 11, 'Usted se llama');
    put(300, 130, 12, v.name);
    put(60, 160, 11, 'Llegó al mundo el');
    put(300, 160, 12, v.born);
    put(60, 190, 11, 'Teléfono');
    put(300, 190, 12, v.phone);
    put(60, 220, 11, 'Dirección');
    put(300, 220, 12, v.address);
    // Answers above a line, the question right-aligned below it.
    put(330, 268, 12, v.insurer);
    under(60, 272, 490);
    put(right(550, 8, 'Quién paga por usted'), 284, 8, 'Quién paga por usted');
    put(120, 318, 12, v.complaint);
    under(60, 322, 490);
    put(right(550, 8, 'Por qué vino hoy, con sus palabras'), 334, 8, 'Por qué vino hoy, con sus palabras');
    // Vital signs as a list, the numbers on the right.
    put(60, 380, 12, 'SIGNOS VITALES');
    const vitals = [['Pulsaciones contadas', v.pulse], ['Aire por minuto', v.breaths], ['Oxígeno con dedal', v.spo2], ['Calor del cuerpo', v.temp], ['Fuerza de la sangre', v.pressure]];
    vitals.forEach(([label, value], i) => {
        put(80, 405 + 24 * i, 11, label);
        put(430, 405 + 24 * i, 12, value);
    });
    put(60, 560, 12, 'SÍNTOMAS');
    ['Fiebre', 'Tos', 'Mareo', 'Diarrea', 'Palpitaciones', 'Náuseas'].forEach((s, i) => {
        const [x, y] = [80 + 160 * (i % 3), 585 + 22 * Math.floor(i / 3)];
        for (const [dx, dy, w, h] of [[0, 0, 9, 0.8], [0, 9, 9, 0.8], [0, 0, 0.8, 9], [9, 0, 0.8, 9]]) rules.push([(x + dx) * scale + shift[0], (y - 9 + dy) * scale + shift[1], w * scale, h * scale]);
        put(x + 16, y, 11, s);
    });
    put(60, 680, 11, 'Firma');
    put(330, 680, 11, 'Fecha');
    return pdfPage(lines, { rules });
}

export const ANSWERS = [
    { name: 'Rosalba Quintero Peña', born: '14/03/1961', phone: '315 402 7788', address: 'Calle 9 # 14-22', insurer: 'Salud Andina', complaint: 'me duele la rodilla desde ayer', pulse: '78', breaths: '16', spo2: '97', temp: '36.6', pressure: '128/79' },
    { name: 'Hernando Villa Suárez', born: '02/11/1987', phone: '301 998 1245', address: 'Carrera 40 # 3-51', insurer: 'Nueva Costa', complaint: 'tengo la garganta irritada', pulse: '84', breaths: '18', spo2: '95', temp: '37.4', pressure: '119/72' },
    { name: 'Carmenza Duarte Rojas', born: '25/07/1974', phone: '320 115 6630', address: 'Avenida 6 # 88-10', insurer: 'Vida Plena', complaint: 'dolor de oído izquierdo hace dos días', pulse: '91', breaths: '17', spo2: '98', temp: '36.9', pressure: '134/85' },
];

// The values as the API has them.
export const expected = (v) => ({
    fullName: v.name,
    dateOfBirth: v.born.split('/').reverse().join('-'),
    phone: v.phone.replaceAll(' ', ''),
    insuranceProvider: v.insurer,
    chiefComplaint: v.complaint,
    heartRate: Number(v.pulse),
    respiratoryRate: Number(v.breaths),
    spo2: Number(v.spo2),
    temperatureC: Number(v.temp),
    systolicBp: Number(v.pressure.split('/')[0]),
    diastolicBp: Number(v.pressure.split('/')[1]),
});

const folded = (s) => String(s ?? '').normalize('NFD').replace(/[^\p{L}\p{N}.]/gu, '').toLowerCase();
// The names of the fields that were read right.
export const readRight = (fields, v) => Object.entries(expected(v)).filter(([k, want]) => folded(fields[k]?.value) === folded(want)).map(([k]) => k);
