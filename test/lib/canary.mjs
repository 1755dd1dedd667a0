// Card numbers to plant in every input that api/openapi.yaml declares, and how to see them again.
//
// Rule: all of them begin with the same eight digits, so one search finds any of them, whole or cut,
// in each of the shapes they were written in; nothing else in a test world has these digits.
import { luhnDigit } from '../pan/kit.mjs';

const PREFIX = '45390712';
const inScript = (zero) => (digits) => [...digits].map((d) => String.fromCodePoint(zero + Number(d))).join('');
const fours = (by) => (digits) => digits.match(/.{1,4}/g).join(by);

const shapes = [
    (digits) => digits,
    fours(' '),
    fours('-'),
    fours('.'),
    fours('\u00a0'),
    fours('/'),
    fours('_'),
    (digits) => [...digits].join(' '),
    (digits) => [...digits].join('|'),
    inScript(0xff10),
    inScript(0x660),
    (digits) => fours(' ')(digits).replace('39', '3g').replace('07', 'O7'),
];
const plain = shapes.slice(0, 4); // what fits a header or a short field

// What to search for: the beginning in every shape, and as URLs write it.
export const canaryNeedles = shapes.map((shape) => shape(PREFIX)).concat('4539%200712', '4539+0712', '4539%C2%A00712');

// What stands before it, also the name and value of another number.
const leads = ['tarjeta', 'MRN: 30535093 card', 'visa', 'c\u00e9dula 52345678 tarjeta', 'factura 991 Visa'];

let planted = 0;

// A number of its own for every call, in the next shape; `room` is how many characters fit.
export function canary(room = Infinity, { ascii = false } = {}) {
    const body = PREFIX + String(planted++ * 7919 + 1234567).slice(-7);
    const digits = body + luhnDigit(body);
    const some = ascii ? plain : shapes;
    const lead = ascii ? 'card' : leads[planted % leads.length];
    const shaped = some[planted % some.length](digits);
    const text = `${lead} ${shaped} gracias`;
    return text.length <= room ? text : digits.length <= room ? digits : digits.slice(0, room);
}

// The object a $ref stands for.
export function resolved(document, schema) {
    while (schema?.$ref)
        schema = schema.$ref.slice(2).split('/').reduce((at, key) => at[key], document);
    return schema ?? {};
}

const types = (schema) => [schema.type ?? []].flat();

// A value the schema allows; `known` gives ids by property name.
export function sample(document, schema, name, known) {
    schema = resolved(document, schema);
    if (name in known) return known[name];
    if (types(schema).includes('null')) return null;
    if (schema.enum) return schema.enum[0];
    if (schema.format === 'uuid') return known.uuid;
    if (schema.format === 'date') return '1980-02-03';
    if (schema.format === 'date-time') return new Date(Date.now() + 3600_000).toISOString();
    if (types(schema).includes('object') || schema.properties) {
        const entries = Object.entries(schema.properties ?? {});
        return Object.fromEntries(entries.map(([key, own]) => [key, sample(document, own, key, known)]));
    }
    if (types(schema).includes('array')) return [sample(document, schema.items, name, known)];
    if (types(schema).includes('string')) return 'texto';
    if (types(schema).includes('boolean')) return false;
    return schema.minimum ?? 1;
}

// Every place of a body that takes a value: [{path: ['shifts', 0, 'fullName'], schema}].
export function leaves(document, schema, path = []) {
    schema = resolved(document, schema);
    if (schema.properties)
        return Object.entries(schema.properties).flatMap(([key, own]) => leaves(document, own, [...path, key]));
    if (schema.items) return leaves(document, schema.items, [...path, 0]);
    return [{ path, schema }];
}

export function withValue(body, path, value) {
    const copy = structuredClone(body);
    let at = copy;
    for (const key of path.slice(0, -1)) at = at[key];
    at[path.at(-1)] = value;
    return copy;
}

// A Visa number that passes Luhn's check.
export function cardNumber(i) {
    const body = `40128888${String(1000000 + 7919 * i).padStart(7, '0')}`;
    const sum = [...body].reverse().reduce((all, d, at) => all + (at % 2 ? Number(d) : [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][d]), 0);
    return `${body}${(10 - (sum % 10)) % 10}`;
}
