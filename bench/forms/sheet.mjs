// A patient's answers on a sheet of paper: HTML of one or two pages, drawn in one of many ways.
//
// Rule: every value, mark and secret says what it is in data-attributes, and measure.js (in make.mjs)
// takes the truth from where the browser put them, never from these functions' intentions.
import { SYMPTOMS } from './values.mjs';

const escaped = (s) => String(s).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const WORDS = {
    en: {
        title: ['Patient Intake Form', 'New Patient Registration', 'Welcome to our clinic', 'Urgent Care Check-In'],
        person: ['Patient Information', 'Personal Information', 'About you'], insurance: ['Insurance', 'Insurance Information', 'Coverage'],
        why: ['Reason for visit', 'Visit', "Today's visit"], vitals: ['Vital Signs', 'Vitals (staff use)', 'Triage'], pay: ['Payment', 'Payment Information', 'Card on file'],
        symptoms: ['Please check all symptoms that apply', 'Symptoms', 'Check all that apply', 'Do you have any of these?'], circle: 'Circle all that apply', yes: 'YES', no: 'NO',
        full_name: ['Full Name', 'Patient Name', 'Name', "Patient's name", 'Legal name', 'Name (first and last)'],
        date_of_birth: ['Date of Birth', 'DOB', 'Birth date', 'Date of birth (MM/DD/YYYY)', 'Birthdate'],
        national_id: ['SSN', 'Social Security No.', 'Social Security Number', 'Soc. Sec. #'], phone: ['Phone', 'Cell phone', 'Phone number', 'Telephone', 'Mobile phone', 'Daytime phone'],
        insurance_id: ['Member ID', 'Policy Number', 'Insurance ID', 'Subscriber ID', 'Policy #', 'Member No.', 'ID #'], provider: ['Insurance Company', 'Insurance provider', 'Health plan', 'Carrier'],
        chief_complaint: ['Chief Complaint', 'Reason for Visit', 'What brings you in today?', 'Main complaint', 'Reason for today’s visit', 'Describe your problem'],
        address: ['Address', 'Home address', 'Street address'], sex: ['Sex', 'Gender'], email: ['Email', 'E-mail address'], medications: ['Current medications', 'Medications'], allergies: ['Allergies', 'Known allergies'],
        bp: ['BP', 'Blood Pressure', 'BP (mmHg)'], hr: ['HR', 'Pulse', 'Heart Rate'], rr: ['RR', 'Resp', 'Resp. rate', 'Respiratory Rate'], spo2: ['SpO2', 'O2 Sat', 'SpO2 (%)', 'Oxygen saturation'],
        temp_c: ['Temp', 'Temperature', 'Temp.'], consciousness: ['Consciousness', 'Level of consciousness', 'AVPU', 'Mental status'],
        card: ['Card Number', 'Credit card no.', 'Card #', 'Credit Card Number'], expiry: ['Exp', 'Exp. date', 'Expires', 'Valid thru'], cvv: ['CVV', 'Security code', 'CVC', 'CVV2'], holder: ['Name on card', 'Cardholder'],
        levels: { A: 'Alert', C: 'Confused', V: 'Voice', P: 'Pain', U: 'Unresponsive' }, end: ['Signature', 'Date'],
        note: ['I certify that the information above is correct and authorize treatment.', 'Please print clearly and use black ink.'], spoken: ['please charge my card', 'copay card', 'bill to card'],
    },
    es: {
        title: ['Formato de Ingreso', 'Registro de Paciente Nuevo', 'Ficha de admisión', 'Bienvenido a urgencias'],
        person: ['Datos Personales', 'Datos del paciente', 'Identificación'], insurance: ['Aseguramiento', 'Datos del seguro', 'Afiliación'],
        why: ['Motivo', 'Consulta', 'Consulta de hoy'], vitals: ['Signos Vitales', 'Signos vitales (uso interno)', 'Triage'], pay: ['Datos de pago', 'Pago con tarjeta', 'Forma de pago'],
        symptoms: ['Marque con una X los síntomas que presenta', 'Síntomas', 'Marque los síntomas', '¿Presenta alguno de estos?'], circle: 'Encierre en un círculo', yes: 'SÍ', no: 'NO',
        full_name: ['Nombre completo', 'Nombres y apellidos', 'Nombre del paciente', 'Nombre', 'Nombre y apellidos', 'Paciente'],
        date_of_birth: ['Fecha de nacimiento', 'F. de nacimiento', 'Fecha nac.', 'Fecha de nacimiento (DD/MM/AAAA)', 'Nacimiento'],
        national_id: ['Cédula', 'Cédula de ciudadanía', 'C.C. No.', 'Documento de identidad', 'No. de documento', 'Número de identificación'], phone: ['Teléfono', 'Celular', 'Teléfono celular', 'Tel.', 'Teléfono de contacto'],
        insurance_id: ['No. de afiliación', 'Póliza No.', 'Número de póliza', 'Carné No.', 'No. de afiliado', 'Número de afiliación'], provider: ['EPS', 'EPS / Aseguradora', 'Aseguradora', 'Entidad'],
        chief_complaint: ['Motivo de consulta', 'Motivo de la visita', 'Motivo de la consulta', '¿Por qué viene hoy?', 'Razón de la consulta', 'Describa su molestia'],
        address: ['Dirección', 'Domicilio', 'Dirección de residencia'], sex: ['Sexo', 'Género'], email: ['Correo', 'Correo electrónico'], medications: ['Medicamentos actuales', 'Medicamentos'], allergies: ['Alergias', 'Alergias conocidas'],
        bp: ['TA', 'Tensión arterial', 'Presión arterial', 'PA'], hr: ['FC', 'Pulso', 'Frecuencia cardíaca'], rr: ['FR', 'Frec. respiratoria', 'Frecuencia respiratoria'], spo2: ['SatO2', 'SpO2', 'Saturación', 'Saturación de oxígeno'],
        temp_c: ['Temp', 'Temperatura', 'Temp.'], consciousness: ['Conciencia', 'Estado de conciencia', 'Nivel de conciencia'],
        card: ['Tarjeta No.', 'Número de tarjeta', 'No. de tarjeta', 'Tarjeta de crédito'], expiry: ['Vence', 'Vencimiento', 'Válida hasta', 'Fecha de vencimiento'], cvv: ['CVV', 'Cód. seguridad', 'Código de seguridad', 'CVC'], holder: ['Titular', 'Nombre en la tarjeta'],
        levels: { A: 'Alerta', C: 'Confuso', V: 'Voz', P: 'Dolor', U: 'No responde' }, end: ['Firma', 'Fecha'],
        note: ['Autorizo el tratamiento y declaro que los datos son ciertos.', 'Escriba con letra clara y tinta negra.'], spoken: ['cobrar a mi tarjeta', 'copago tarjeta', 'pagar con tarjeta'],
    },
};

export const FIELD_STYLES = ['boxed-above', 'boxed-left', 'underline', 'below-line', 'dotted', 'dots-typed', 'comb', 'comb-ticks', 'colon', 'table', 'table4', 'head-row', 'shaded', 'above', 'right-column'];
export const SYMPTOM_STYLES = ['square-left', 'round-left', 'square-right', 'yes-no', 'yes-no-table', 'yes-no-words', 'brackets', 'parens', 'circled', 'running', 'cells', 'square-left', 'bold-left'];
const MARKS = ['x', 'x', 'tick', 'tick', 'fill', 'dot', 'slash', 'bigtick', 'bigx'];
const VITAL_STYLES = ['inline', 'head-row', 'table', 'boxes', 'list', 'inline-boxes'];

// How a form looks; `index` walks through the styles, so that a set of some size has them all.
export function styleOf(draw, index) {
    const field = FIELD_STYLES[index % FIELD_STYLES.length];
    return {
        field, symptoms: SYMPTOM_STYLES[(index * 5 + 3) % SYMPTOM_STYLES.length], vitals: draw.pick(VITAL_STYLES),
        mark: draw.pick(MARKS), box: draw.int(10, 15), columns: draw.int(2, 4), heading: draw.pick(['bar', 'greybar', 'rule', 'plain', 'boxed']),
        cols: field === 'below-line' || field === 'table4' ? 2 : draw.int(1, 2), size: draw.real(11, 14.5), ink: draw.pick(['#111', '#1b2f86', '#222', '#0a2a9c']),
        comb: field === 'comb' || field === 'comb-ticks', colon: draw.yes(0.55), caps: draw.yes(0.2), twoPages: draw.yes(0.12), paper: draw.pick(['letter', 'a4']),
        order: draw.pick([['why', 'symptoms', 'vitals', 'pay'], ['vitals', 'why', 'symptoms', 'pay'], ['symptoms', 'why', 'vitals', 'pay'], ['why', 'vitals', 'symptoms', 'pay'], ['pay', 'why', 'symptoms', 'vitals']]),
    };
}

const value = (key, text, extra = '') => `<span class="v" data-c="v" data-k="${key}" ${extra}>${escaped(text)}</span>`;
const secret = (kind, text, extra = '') => `<span class="v" data-c="p" data-s="${kind}" ${extra}>${escaped(text)}</span>`;

function cells(kind, text, open) {
    const chars = [...text].map((c) => `<i>${escaped(c)}</i>`).join('');
    return `<span class="comb ${open ? 'open' : ''}" data-word="${escaped(text)}" ${kind}>${chars}<i></i></span>`;
}

// One question with its answer. `f`: {key | secret, label, text, wide}.
function field(draw, s, f) {
    const name = escaped(s.caps ? f.label.toUpperCase() : f.label);
    const colon = s.colon && !/[?]$/.test(f.label) ? ':' : '';
    const attrs = f.secret ? `data-c="p" data-s="${f.secret}"` : `data-c="v" data-k="${f.key}"`;
    const inCells = s.comb && f.text.length <= 24 && !f.wide && !/[áéíóúñ]/i.test(f.text[0] ?? '');
    const shown = inCells ? cells(attrs, f.text.replace(/[ ]/g, ' '), s.field === 'comb-ticks') : f.secret ? secret(f.secret, f.text) : value(f.key, f.text);
    const dots = '.'.repeat(160);
    switch (s.field) {
    case 'boxed-above': return `<div class="f bx"><div class="lab sm">${name}${colon}</div><div>${shown}</div></div>`;
    case 'boxed-left': return `<div class="f row"><span class="lab">${name}${colon}</span><span class="grow bx">${shown}</span></div>`;
    case 'underline': return `<div class="f row"><span class="lab">${name}${colon}</span><span class="grow ul">${shown}</span></div>`;
    case 'below-line': return `<div class="f"><div class="ul tall">${shown}</div><div class="lab sm">${name}</div></div>`;
    case 'dotted': return `<div class="f row"><span class="lab">${name}${colon}</span><span class="grow dl">${shown}</span></div>`;
    case 'dots-typed': return `<div class="f row"><span class="lab">${name}${colon}</span><span class="grow typed"><span class="dots" data-c="none">${dots}</span>${shown}</span></div>`;
    case 'comb': case 'comb-ticks': return `<div class="f"><div class="lab sm">${name}${colon}</div><div>${shown}</div></div>`;
    case 'colon': return `<div class="f"><span class="lab b">${name}:</span> ${shown}</div>`;
    case 'shaded': return `<div class="f row"><span class="lab">${name}${colon}</span><span class="grow shade">${shown}</span></div>`;
    case 'above': return `<div class="f"><div class="lab sm b">${name}${colon}</div><div>${shown}</div></div>`;
    case 'right-column': return `<div class="f row"><span class="lab rt">${name}${colon}</span><span class="gap"></span>${shown}</div>`;
    default: return { name, shown };
    }
}

function fieldBlock(draw, s, list) {
    if (s.field === 'table' || s.field === 'table4') {
        const per = s.field === 'table4' ? 2 : 1;
        const rows = [];
        for (let i = 0; i < list.length; i += per)
            rows.push('<tr>' + list.slice(i, i + per).map((f) => { const { name, shown } = field(draw, s, f); return `<th>${name}</th><td>${shown}</td>`; }).join('') + '</tr>');
        return `<table class="grid">${rows.join('')}</table>`;
    }
    if (s.field === 'head-row') {
        const rows = [];
        const wide = list.filter((f) => f.wide);
        const rest = list.filter((f) => !f.wide);
        for (let i = 0; i < rest.length; i += 3) {
            const part = rest.slice(i, i + 3).map((f) => field(draw, s, f));
            rows.push(`<table class="grid fixed"><tr>${part.map((p) => `<th>${p.name}</th>`).join('')}</tr><tr>${part.map((p) => `<td>${p.shown}</td>`).join('')}</tr></table>`);
        }
        for (const f of wide) { const p = field(draw, s, f); rows.push(`<table class="grid fixed"><tr><th>${p.name}</th></tr><tr><td>${p.shown}</td></tr></table>`); }
        return rows.join('');
    }
    return `<div class="flow c${s.cols}">${list.map((f) => f.wide ? `<div class="wide">${field(draw, s, f)}</div>` : field(draw, s, f)).join('')}</div>`;
}

// A mark by hand over a box of 100 x 100 (it may reach out of it).
function mark(draw, s) {
    const j = (a) => (a + draw.real(-9, 9)).toFixed(0);
    const line = (d) => `<path d="${d}" fill="none" stroke="${s.ink}" stroke-width="${draw.real(9, 15).toFixed(0)}" stroke-linecap="round" vector-effect="none"/>`;
    const drawn = {
        x: () => line(`M${j(12)} ${j(12)} L${j(88)} ${j(88)}`) + line(`M${j(88)} ${j(12)} L${j(12)} ${j(88)}`),
        bigx: () => line(`M${j(-12)} ${j(-10)} L${j(112)} ${j(112)}`) + line(`M${j(110)} ${j(-14)} L${j(-10)} ${j(108)}`),
        tick: () => line(`M${j(14)} ${j(50)} L${j(40)} ${j(84)} L${j(90)} ${j(10)}`),
        bigtick: () => line(`M${j(5)} ${j(45)} L${j(42)} ${j(88)} L${j(135)} ${j(-45)}`),
        slash: () => line(`M${j(14)} ${j(90)} L${j(88)} ${j(10)}`),
        fill: () => `<rect x="10" y="10" width="80" height="80" fill="${s.ink}"/>`,
        dot: () => `<circle cx="${j(50)}" cy="${j(50)}" r="${draw.int(22, 32)}" fill="${s.ink}"/>`,
    }[s.mark]();
    return `<svg class="mark" viewBox="0 0 100 100">${drawn}</svg>`;
}

const box = (draw, s, key, on, kind = '') => `<span class="box ${kind}" data-box="${key}" data-on="${on ? 1 : 0}" style="width:${s.box}px;height:${s.box}px">${on ? mark(draw, s) : ''}</span>`;

function symptoms(draw, s, p, w) {
    const all = draw.shuffled(Object.keys(SYMPTOMS)).map((key) => ({ key, on: p.checked.includes(key), label: escaped(draw.pick(SYMPTOMS[key][p.lang])) }));
    const list = draw.yes(0.4) ? [...all.filter((x) => x.on), ...all.filter((x) => !x.on)].slice(0, draw.int(12, 18)) : all;
    const shown = draw.shuffled(list);
    const drawn = s.twoPages ? shown.slice(0, 20) : shown;
    const grid = (cellOf, n = s.columns) => `<div class="sym" style="grid-template-columns:repeat(${n},1fr)">${drawn.map((x) => `<div>${cellOf(x)}</div>`).join('')}</div>`;
    const typed = (x, l, r, sign) => `<span class="bk" data-box="${x.key}" data-on="${x.on ? 1 : 0}">${l}${x.on ? `<b class="v" data-c="none">${sign}</b>` : '&nbsp;&nbsp;'}${r}</span> <span class="lab">${x.label}</span>`;
    switch (s.symptoms) {
    case 'round-left': return grid((x) => `${box(draw, s, x.key, x.on, 'round')} <span class="lab">${x.label}</span>`);
    case 'bold-left': return grid((x) => `${box(draw, s, x.key, x.on, 'bold')} <span class="lab">${x.label}</span>`);
    case 'square-right': return grid((x) => `<div class="ends"><span class="lab">${x.label}</span>${box(draw, s, x.key, x.on)}</div>`, Math.min(3, s.columns));
    case 'yes-no': case 'yes-no-table': {
        const table = (part) => `<table class="${s.symptoms === 'yes-no-table' ? 'grid' : 'bare'}"><tr><th></th><th>${w.yes}</th><th>${w.no}</th></tr>${part.map((x) => `<tr><td class="lab">${x.label}</td><td class="mid">${box(draw, s, x.key, x.on)}</td><td class="mid">${box(draw, s, `${x.key}#no`, !x.on && x.no)}</td></tr>`).join('')}</table>`;
        const no = draw.yes(0.6);
        for (const x of drawn) x.no = no && draw.yes(0.8);
        const half = Math.ceil(drawn.length / 2);
        return `<div class="two">${table(drawn.slice(0, half))}${table(drawn.slice(half))}</div>`;
    }
    case 'yes-no-words': {
        const yes = w.yes[0] + w.yes.slice(1).toLowerCase();
        return grid((x) => `<div class="ends"><span class="lab">${x.label}</span><span>${box(draw, s, x.key, x.on)} ${yes} &nbsp; ${box(draw, s, `${x.key}#no`, !x.on)} No</span></div>`, 2);
    }
    case 'brackets': return grid((x) => typed(x, '[', ']', draw.pick(['X', 'x', 'X'])));
    case 'parens': return grid((x) => typed(x, '(', ')', draw.pick(['X', 'x', '*'])));
    case 'circled': return `<div class="circ">${drawn.map((x) => `<span class="ci"><span class="lab" data-box="${x.key}" data-on="${x.on ? 1 : 0}">${x.label}</span>${x.on ? `<svg class="ring" viewBox="0 0 100 100" preserveAspectRatio="none"><ellipse cx="50" cy="50" rx="${draw.int(46, 49)}" ry="${draw.int(43, 48)}" transform="rotate(${draw.int(-2, 2)} 50 50)" fill="none" stroke="${s.ink}" stroke-width="2" vector-effect="non-scaling-stroke"/></svg>` : ''}</span>`).join(' ')}</div>`;
    case 'running': return `<div class="run">${drawn.map((x) => `<span class="ri">${box(draw, s, x.key, x.on)} <span class="lab">${x.label}</span></span>`).join(' ')}</div>`;
    case 'cells': {
        const rows = [];
        const n = Math.min(3, s.columns);
        for (let i = 0; i < drawn.length; i += n) rows.push(`<tr>${drawn.slice(i, i + n).map((x) => `<td class="pick" data-box="${x.key}" data-on="${x.on ? 1 : 0}">${x.on ? mark(draw, s) : ''}</td><td class="lab">${x.label}</td>`).join('')}</tr>`);
        return `<table class="grid picks">${rows.join('')}</table>`;
    }
    default: return grid((x) => `${box(draw, s, x.key, x.on)} <span class="lab">${x.label}</span>`);
    }
}

function vitals(draw, s, p, w) {
    const v = p.vitals;
    const f = p.lang === 'en' && draw.yes(0.6);
    const items = ['bp', 'hr', 'rr', 'temp_c', 'spo2', 'consciousness'].map((k) => ({
        k, label: escaped(draw.pick(w[k])),
        text: !v ? '' : k === 'bp' ? `${v.bp_sys}/${v.bp_dia}` : k === 'temp_c' ? (f ? `${((v.temp_c * 9) / 5 + 32).toFixed(1)} F` : `${draw.yes(0.5) ? v.temp_c.toFixed(1) : p.lang === 'es' ? v.temp_c.toFixed(1).replace('.', ',') : v.temp_c.toFixed(1)} C`) : k === 'spo2' ? `${v.spo2}${draw.yes(0.6) ? '%' : ''}` : k === 'consciousness' ? (draw.yes(0.6) ? w.levels[v.consciousness] : v.consciousness) : String(v[k]),
    }));
    const shown = (i) => (i.text ? value(i.k, i.text) : '&nbsp;');
    switch (s.vitals) {
    case 'head-row': return `<table class="grid fixed"><tr>${items.map((i) => `<th>${i.label}</th>`).join('')}</tr><tr>${items.map((i) => `<td>${shown(i)}</td>`).join('')}</tr></table>`;
    case 'table': return `<table class="grid">${[0, 3].map((a) => `<tr>${items.slice(a, a + 3).map((i) => `<th>${i.label}</th><td>${shown(i)}</td>`).join('')}</tr>`).join('')}</table>`;
    case 'boxes': return `<div class="flow c3">${items.map((i) => `<div class="f bx"><div class="lab sm">${i.label}</div><div>${shown(i)}</div></div>`).join('')}</div>`;
    case 'list': return `<div class="flow c2">${items.map((i) => `<div class="f row"><span class="lab">${i.label}:</span><span class="grow dl">${shown(i)}</span></div>`).join('')}</div>`;
    case 'inline-boxes': return `<div class="flow c3">${items.map((i) => `<div class="f row"><span class="lab">${i.label}</span><span class="grow bx">${shown(i)}</span></div>`).join('')}</div>`;
    default: return `<div class="flow c3">${items.map((i) => `<div class="f row"><span class="lab">${i.label}:</span><span class="grow ul">${shown(i)}</span></div>`).join('')}</div>`;
    }
}

const STYLE = (s, fonts) => `
@font-face{font-family:val;src:url(${fonts.value})} @font-face{font-family:lab;src:url(${fonts.label})}
*{box-sizing:border-box} body{margin:0;background:#fff;color:#000}
.page{position:relative;overflow:hidden;padding:38px 46px;font:${s.size.toFixed(2)}px lab,sans-serif;background:#fff;line-height:1.28}
.v,.comb{font-family:val,monospace;font-size:${(s.size * fonts.scale).toFixed(2)}px;color:${fonts.hand ? s.ink : '#000'};white-space:normal}
h1{font-size:${(s.size * 1.7).toFixed(1)}px;margin:0 0 2px} h2{font-size:${(s.size * 1.18).toFixed(1)}px;margin:13px 0 6px}
h2.bar{background:#222;color:#fff;padding:3px 7px} h2.greybar{background:#d5d5d5;padding:3px 7px} h2.rule{border-bottom:2px solid #000} h2.boxed{border:1px solid #000;padding:3px 7px}
.sm{font-size:.84em}.b{font-weight:bold}.lab{color:#000}
.flow{display:grid;column-gap:22px;row-gap:7px}.c1{grid-template-columns:1fr}.c2{grid-template-columns:1fr 1fr}.c3{grid-template-columns:1fr 1fr 1fr}.wide{grid-column:1/-1}
.row{display:flex;align-items:flex-end;gap:7px}.row .lab{flex:none}.grow{flex:1;min-width:0;padding:1px 6px}.bx{border:1px solid #000;padding:2px 6px;min-height:${(s.size * 1.9).toFixed(0)}px}
.ul{border-bottom:1px solid #000;min-height:${(s.size * 1.6).toFixed(0)}px}.tall{min-height:${(s.size * 2).toFixed(0)}px}.dl{border-bottom:2px dotted #333;min-height:${(s.size * 1.6).toFixed(0)}px}
.typed{position:relative;height:${(s.size * 1.6).toFixed(0)}px;overflow:visible}.dots{position:absolute;left:0;right:0;bottom:-3px;overflow:hidden;white-space:nowrap;color:#333}.typed .v{position:relative;white-space:nowrap}
.shade{background:#e9e9e9;min-height:${(s.size * 1.7).toFixed(0)}px}.rt{width:150px;text-align:right}.gap{width:10px;flex:none}
table{border-collapse:collapse;width:100%;margin-bottom:5px}.grid th,.grid td{border:1px solid #000;padding:3px 6px;text-align:left;height:${(s.size * 2.1).toFixed(0)}px;font-weight:normal}.grid th{background:${s.heading === 'greybar' ? '#e4e4e4' : '#fff'};font-size:.92em}.fixed{table-layout:fixed}
.comb{display:inline-flex}.comb i{font-style:normal;width:${(s.size * 1.5).toFixed(1)}px;height:${(s.size * 1.9).toFixed(1)}px;border:1px solid #000;margin-right:-1px;text-align:center;line-height:${(s.size * 1.85).toFixed(1)}px}
.comb.open i{border-top:none}
.box{position:relative;display:inline-block;border:1px solid #000;vertical-align:-2px;margin-right:3px}.round{border-radius:50%}.bold{border-width:2px}.mark{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.sym{display:grid;gap:5px 16px}.ends{display:flex;justify-content:space-between;gap:10px}.two{display:grid;grid-template-columns:1fr 1fr;gap:26px}.bare td,.bare th{padding:2px 6px;font-weight:normal;text-align:left}.mid,.two th+th{text-align:center!important;width:44px}
.circ{line-height:2.5}.ci{position:relative;display:inline-block;padding:0 12px}.ring{position:absolute;left:0;top:4%;width:100%;height:92%;overflow:visible}
.run{line-height:1.75}.ri{white-space:nowrap;margin-right:15px;display:inline-block}.pick{position:relative;width:26px}.picks .lab{width:auto}.bk{font-family:${s.size > 12 ? 'monospace' : 'inherit'};white-space:pre}
.end{display:flex;gap:40px;margin-top:22px}.end div{flex:1;border-top:1px solid #000}.note{font-size:.8em;margin-top:12px}`;

// {pages: [html of each], css}; sizes in CSS pixels by style.paper.
export function sheetOf(draw, s, p, fonts) {
    const w = WORDS[p.lang];
    const say = (k) => draw.pick(w[k]);
    const f = (key, text, more) => ({ key, label: say(key), text, ...more });
    const heading = (k) => `<h2 class="${s.heading}">${escaped(say(k))}</h2>`;
    const t = { ...p.truth, ...p.shown };
    const person = [f('full_name', t.full_name), f('date_of_birth', t.date_of_birth), f('national_id', t.national_id), f('phone', t.phone), f('address', p.address, { wide: s.cols === 2 }), ...(draw.yes(0.5) ? [f('sex', p.sex)] : []), ...(draw.yes(0.4) ? [f('email', p.email)] : [])];
    const lead = draw.yes(0.3) ? draw.shuffled(person) : person;
    const parts = {
        why: () => {
            const list = [f('chief_complaint', t.chief_complaint, { wide: true }), ...(draw.yes(0.5) ? [f('medications', p.medications, { wide: true })] : []), ...(draw.yes(0.5) ? [f('allergies', p.allergies, { wide: true })] : [])];
            const own = { ...s, cols: 1, field: s.comb ? draw.pick(['boxed-above', 'underline', 'above']) : s.field, comb: false };
            const told = p.spoken ? `<div class="f" style="margin-top:6px">${value('free', draw.pick(w.spoken))} ${secret('pan:spoken', p.spoken.shown)}</div>` : '';
            return heading('why') + fieldBlock(draw, own, list) + told;
        },
        symptoms: () => `<h2 class="${s.heading}">${escaped(s.symptoms === 'circled' ? w.circle : say('symptoms'))}</h2>` + symptoms(draw, s, p, w),
        vitals: () => heading('vitals') + vitals(draw, s, p, w),
        pay: () => {
            if (!p.card) return '';
            const c = p.card;
            const number = s.comb ? c.pan : c.shown;
            const list = [{ secret: 'pan:card', label: say('card'), text: number }, { secret: 'expiry', label: say('expiry'), text: c.expiry }, { secret: 'cvv', label: say('cvv'), text: c.cvv }, ...(draw.yes(0.5) ? [f('holder', p.truth.full_name)] : [])];
            return heading('pay') + fieldBlock(draw, { ...s, cols: s.field === 'right-column' ? 1 : Math.max(s.cols, draw.int(1, 2)) }, draw.yes(0.3) ? [list[0], ...draw.shuffled(list.slice(1))] : list);
        },
    };
    const head = `<h1>${escaped(say('title'))}</h1><div class="sm">${escaped(draw.pick(w.note))}</div>`;
    const top = head + heading('person') + fieldBlock(draw, s, lead) + heading('insurance') + fieldBlock(draw, s, [f('provider', p.provider), f('insurance_id', t.insurance_id)]);
    const end = `<div class="note">${escaped(w.note[0])}</div><div class="end"><div>${w.end[0]}</div><div>${w.end[1]}</div></div>`;
    const rest = s.order.map((k) => parts[k]());
    const pages = s.twoPages ? [top + rest.slice(0, 1).join(''), rest.slice(1).join('') + end] : [top + rest.join('') + end];
    return { css: STYLE(s, fonts), pages };
}
