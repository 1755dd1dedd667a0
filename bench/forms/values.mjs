// What the patients of the made forms answer: drawn from a seed, so a form is always the same.
//
// Rule: nobody real. Phones are 555 numbers, social security numbers have areas that are never
// issued, cards start like the processors' public test cards.

// Numbers of one seed (mulberry32): chance(), within, picking, shuffling.
export function drawOf(seed) {
    let state = (seed * 0x9e3779b1) >>> 0;
    const chance = () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    for (let i = 0; i < 8; i++) chance();
    const int = (a, b) => a + Math.floor(chance() * (b - a + 1));
    const pick = (list) => list[Math.floor(chance() * list.length)];
    return {
        chance, int, pick,
        real: (a, b) => a + chance() * (b - a),
        yes: (p) => chance() < p,
        digits: (n) => Array.from({ length: n }, () => int(0, 9)).join(''),
        shuffled: (list) => list.map((v) => [chance(), v]).sort((a, b) => a[0] - b[0]).map(([, v]) => v),
    };
}

const FIRST = {
    en: ['Harold', 'Priscilla', 'Dwight', 'Marguerite', 'Jerome', 'Winifred', 'Oscar', 'Bethany', 'Gordon', 'Yvette', 'Quincy', 'Josephine', 'Isaac', 'Zelda', 'Franklin', 'Ursula', 'Kenneth', 'Opal', 'Vincent', 'Thelma'],
    es: ['Aurelio', 'Nohemí', 'Fabián', 'Graciela', 'Ramiro', 'Yolanda', 'Efraín', 'Blanca Inés', 'Iván Darío', 'Luz Marina', 'Óscar', 'Jimena', 'Teófilo', 'Rocío', 'Kevin', 'Zoraida', 'Wilson', 'Begoña', 'Ulises', 'Paloma'],
};
const LAST = {
    en: ['Whitcombe', 'Okafor', 'Lindqvist', "O'Rourke", 'Fairbanks', 'Delacroix', 'Zimmerman', 'Yoder', 'Blackwood', 'Castellano', 'Hutchinson', 'Ivanov', 'Kowalski', 'McAllister', 'Nakamura', 'Pemberton', 'Quigley', 'Rutherford-Hale', 'Szymanski', 'Underhill'],
    es: ['Zapata Ibarra', 'Ordóñez Peña', 'Vélez Quiroga', 'Jaramillo Uribe', 'Muñoz Beltrán', 'Fajardo Nieto', 'Gómez Zuluaga', 'Ibáñez Cruz', 'Kuan Losada', 'Echeverri Toro', 'Bustamante Rey', 'Wilches Ossa', 'Sáenz Galvis', 'Herrán Yepes', 'Duque Arango', 'Lizcano Mora'],
};
const STREET = { en: ['Juniper Ct', 'Harbor Rd', 'W Elm Street', 'Quarry Ave', 'Old Mill Lane'], es: ['Calle 45 # 12-30', 'Carrera 7 # 80-15', 'Avenida Las Palmas 220', 'Diagonal 23 # 4-51'] };
const TOWN = { en: ['Ashby', 'Fort Gage', 'Millbrook', 'Juneau'], es: ['Envigado', 'Zipaquirá', 'Popayán', 'Tunja'] };
const PLAN = { en: ['BlueRidge PPO', 'Summit Health', 'Evergreen Mutual', 'First Harbor HMO', 'Zenith Care'], es: ['Nueva Salud', 'Coomeva Plus', 'Sanitas Norte', 'Mutual Bienestar', 'Andina de Seguros'] };
const MEDS = { en: ['metformin 500 mg', 'none', 'lisinopril 10 mg daily', 'aspirin 81 mg'], es: ['losartán 50 mg', 'ninguno', 'metformina 850 mg', 'acetaminofén'] };
const ALLERGY = { en: ['penicillin', 'none known', 'latex', 'shellfish'], es: ['penicilina', 'ninguna', 'mariscos', 'niega'] };

const CALM = {
    en: ['twisted my ankle playing tennis', 'runny nose for three days', 'need a refill of my medication', 'ear ache on the left side', 'itchy eyes since last week', 'follow up after surgery, feeling well', 'annual physical exam', 'stubbed toe, nail is loose', 'back is stiff in the morning', 'mild sore throat, no fever', 'poison ivy on both arms', 'heartburn after spicy meals'],
    es: ['control de presión, me siento bien', 'dolor de muela hace dos días', 'me torcí el tobillo jugando fútbol', 'gripa y congestión nasal', 'renovar fórmula de medicamentos', 'picazón en los ojos', 'control después de la cirugía', 'dolor leve de rodilla al caminar', 'ardor al orinar desde ayer', 'brote en los brazos por planta', 'tos seca, sin fiebre', 'examen médico anual'],
};
const GRAVE = {
    en: ['crushing chest pain and sweating', 'cannot breathe, lips are blue', 'sudden weakness on the right side', 'vomiting blood since this morning'],
    es: ['dolor en el pecho y sudor frío', 'no puede respirar, labios morados', 'debilidad repentina del lado derecho', 'vómito con sangre desde la mañana'],
};

export const SYMPTOMS = {
    chest_pain: { en: ['Chest pain', 'Chest pressure'], es: ['Dolor en el pecho', 'Dolor torácico'], red: true },
    short_breath: { en: ['Shortness of breath', 'Trouble breathing', 'Difficulty breathing'], es: ['Falta de aire', 'Dificultad para respirar'], red: true },
    stroke_signs: { en: ['Weakness on one side', 'Face droop / arm weakness'], es: ['Debilidad de un lado', 'Debilidad en un lado del cuerpo'], red: true },
    loss_conscious: { en: ['Loss of consciousness', 'Fainting', 'Passed out'], es: ['Desmayo', 'Pérdida de conciencia', 'Pérdida del conocimiento'], red: true },
    severe_bleeding: { en: ['Severe bleeding', 'Heavy bleeding'], es: ['Sangrado abundante', 'Hemorragia'], red: true },
    throat_swelling: { en: ['Throat swelling', 'Swollen throat'], es: ['Hinchazón de garganta', 'Hinchazón de la garganta'], red: true },
    suicidal: { en: ['Thoughts of self-harm', 'Suicidal thoughts'], es: ['Ideas suicidas', 'Pensamientos suicidas'], red: true },
    fever: { en: ['Fever'], es: ['Fiebre'] },
    cough: { en: ['Cough'], es: ['Tos'] },
    headache: { en: ['Headache'], es: ['Dolor de cabeza'] },
    nausea: { en: ['Nausea', 'Nausea / vomiting'], es: ['Náuseas', 'Náuseas o vómito'] },
    abdominal_pain: { en: ['Abdominal pain', 'Stomach pain'], es: ['Dolor abdominal', 'Dolor de estómago'] },
    dizziness: { en: ['Dizziness'], es: ['Mareo', 'Mareos'] },
    rash: { en: ['Rash', 'Skin rash'], es: ['Sarpullido', 'Brote en la piel'] },
    back_pain: { en: ['Back pain'], es: ['Dolor de espalda'] },
    sore_throat: { en: ['Sore throat'], es: ['Dolor de garganta'] },
    fatigue: { en: ['Fatigue', 'Tiredness'], es: ['Cansancio', 'Fatiga'] },
    joint_pain: { en: ['Joint pain'], es: ['Dolor articular', 'Dolor en las articulaciones'] },
    diarrhea: { en: ['Diarrhea'], es: ['Diarrea'] },
    palpitations: { en: ['Palpitations'], es: ['Palpitaciones'] },
};

const BRANDS = [['visa', ['401288', '411111', '448562'], 16], ['mastercard', ['510510', '555555', '222300'], 16], ['amex', ['371449', '378282'], 15], ['discover', ['601100', '601111'], 16]];

function cardOf(draw) {
    const [brand, prefixes, length] = draw.pick(BRANDS);
    const start = draw.pick(prefixes) + draw.digits(length - 7);
    const sum = [...start].reverse().reduce((t, c, i) => t + (i % 2 ? Number(c) : Number(c) * 2 > 9 ? Number(c) * 2 - 9 : Number(c) * 2), 0);
    const pan = start + ((10 - (sum % 10)) % 10);
    const groups = brand === 'amex' ? [pan.slice(0, 4), pan.slice(4, 10), pan.slice(10)] : pan.match(/.{4}/g);
    return { brand, pan, shown: draw.pick([groups.join(' '), groups.join(' '), groups.join('-'), pan]), cvv: draw.digits(brand === 'amex' ? 4 : 3), expiry: `${String(draw.int(1, 12)).padStart(2, '0')}/${draw.int(27, 33)}` };
}

const insuranceId = (draw) => {
    const letters = (n) => Array.from({ length: n }, () => draw.pick([...'ABCDEFGHJKLMNPQRSTUVWXYZ'])).join('');
    return draw.pick([
        () => letters(1) + draw.digits(8), () => letters(3) + draw.digits(9), () => draw.digits(10),
        () => `${draw.digits(3)}-${draw.digits(7)}`, () => letters(2) + '-' + draw.digits(6), () => draw.digits(9) + letters(1),
        () => `${draw.int(1, 9)}${letters(1)}${letters(1)}${draw.int(0, 9)}-${letters(1)}${letters(1)}${draw.int(0, 9)}-${letters(2)}${draw.digits(2)}`,
        () => `${letters(1)}${draw.digits(3)} ${draw.digits(3)} ${draw.digits(3)}`,
    ])();
};

const MONTHS = {
    en: ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'],
    es: ['enero', 'febrero', 'marzo', 'abril', 'mayo', 'junio', 'julio', 'agosto', 'septiembre', 'octubre', 'noviembre', 'diciembre'],
};

function dateShown(draw, lang, y, m, d, comb) {
    const [mm, dd] = [String(m).padStart(2, '0'), String(d).padStart(2, '0')];
    if (comb) return lang === 'en' ? `${mm}${dd}${y}` : `${dd}${mm}${y}`;
    const month = MONTHS[lang][m - 1];
    return lang === 'en'
        ? draw.pick([`${mm}/${dd}/${y}`, `${mm}/${dd}/${y}`, `${mm}-${dd}-${y}`, `${month} ${d}, ${y}`, `${month.slice(0, 3)} ${d}, ${y}`])
        : draw.pick([`${dd}/${mm}/${y}`, `${dd}/${mm}/${y}`, `${dd}-${mm}-${y}`, `${dd}.${mm}.${y}`, `${d} de ${month} de ${y}`]);
}

// NEWS2 (Royal College of Physicians 2017), scale 1, on air.
function news2(v) {
    const band = (x, cuts) => cuts.find(([least]) => x >= least)[1];
    const points = [
        band(v.rr, [[25, 3], [21, 2], [12, 0], [9, 1], [0, 3]]),
        band(v.spo2, [[96, 0], [94, 1], [92, 2], [0, 3]]),
        band(v.bp_sys, [[220, 3], [111, 0], [101, 1], [91, 2], [0, 3]]),
        band(v.hr, [[131, 3], [111, 2], [91, 1], [51, 0], [41, 1], [0, 3]]),
        band(v.temp_c, [[39.1, 2], [38.1, 1], [36.1, 0], [35.1, 1], [0, 3]]),
        v.consciousness === 'A' ? 0 : 3,
    ];
    return { total: points.reduce((a, b) => a + b), max: Math.max(...points) };
}

function vitalsOf(draw) {
    const ill = draw.yes(0.35);
    const sys = ill ? draw.int(76, 98) : draw.int(108, 148);
    return {
        hr: ill ? draw.int(112, 138) : draw.int(58, 96), bp_sys: sys, bp_dia: Math.round(sys * draw.real(0.55, 0.68)),
        rr: ill ? draw.int(24, 34) : draw.int(12, 20), spo2: ill ? draw.int(84, 92) : draw.int(95, 100),
        temp_c: draw.int(362, ill ? 395 : 374) / 10, consciousness: ill ? draw.pick(['A', 'C', 'V', 'P']) : 'A',
    };
}

// One patient's answers; `comb`: dates as eight digits, one to a cell.
export function patientOf(draw, lang, { comb = false } = {}) {
    const [y, m, d] = [draw.int(1931, 2019), draw.int(1, 12), draw.int(1, 28)];
    const nid = lang === 'en' ? `9${draw.digits(2)}${String(draw.int(1, 49)).padStart(2, '0')}${draw.digits(4)}` : String(draw.int(10000000, 1199999999));
    const area = lang === 'en' ? draw.pick(['617', '312', '208', '415', '903']) : draw.pick(['300', '310', '321', '604', '315']);
    const phone = `${area}555${draw.digits(4)}`;
    const grave = draw.yes(0.15);
    const keys = Object.keys(SYMPTOMS);
    const checked = draw.shuffled(keys).slice(0, draw.int(1, 6)).filter((k) => !SYMPTOMS[k].red || draw.yes(0.25));
    const vitals = draw.yes(0.8) ? vitalsOf(draw) : null;
    const score = vitals && news2(vitals);
    const card = draw.yes(0.72) ? cardOf(draw) : null;
    const spoken = draw.yes(0.2) ? cardOf(draw) : null;
    const red = checked.filter((k) => SYMPTOMS[k].red);
    const why = [grave && 'complaint', red.length && 'symptoms', score?.total >= 7 && 'vitals'].filter(Boolean);
    const p4 = [phone.slice(0, 3), phone.slice(3, 6), phone.slice(6)];
    return {
        lang,
        truth: {
            full_name: `${draw.pick(FIRST[lang])} ${draw.pick(LAST[lang])}`, date_of_birth: `${y}-${String(m).padStart(2, '0')}-${String(d).padStart(2, '0')}`,
            insurance_id: insuranceId(draw), national_id: nid, national_id_type: lang === 'en' ? 'SSN' : 'CC', phone,
            chief_complaint: draw.pick((grave ? GRAVE : CALM)[lang]),
        },
        shown: {
            date_of_birth: dateShown(draw, lang, y, m, d, comb),
            national_id: comb ? nid : lang === 'en' ? `${nid.slice(0, 3)}-${nid.slice(3, 5)}-${nid.slice(5)}` : draw.pick([nid, nid.replace(/\B(?=(\d{3})+$)/g, '.')]),
            phone: comb ? phone : draw.pick([`(${p4[0]}) ${p4[1]}-${p4[2]}`, p4.join('-'), p4.join('.'), p4.join(' '), lang === 'es' ? `+57 ${p4.join(' ')}` : `1-${p4.join('-')}`]),
        },
        vitals, news2: score, checked, red, emergency: why.length > 0, emergency_by: why.join('+') || 'none',
        address: `${draw.int(10, 4999)} ${draw.pick(STREET[lang])}, ${draw.pick(TOWN[lang])}`, provider: draw.pick(PLAN[lang]),
        medications: draw.pick(MEDS[lang]), allergies: draw.pick(ALLERGY[lang]), sex: draw.pick(lang === 'en' ? ['F', 'M', 'Female', 'Male'] : ['F', 'M', 'Femenino', 'Masculino']),
        email: `${draw.pick(['kr', 'pax', 'luz', 'jdw', 'mota'])}${draw.digits(2)}@example.org`, card, spoken,
    };
}
