// Lines as people write them on forms: node texts.mjs SEED COUNT [WORD_LIST...]. Three of four are
// numbers, the rest words of the lists (one word a line) and made-up names. Nothing of any form's data.
import { readFileSync } from 'node:fs';

let state = Number(process.argv[2]) >>> 0;
const below = n => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 4294967296 * n);
};
const digits = n => Array.from({ length: n }, () => below(10)).join('');
const one = list => list[below(list.length)];
const two = n => String(n).padStart(2, '0');
const months = `Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ene feb mar abr mayo jun jul ago sept oct nov dic
  January February March April June July August September October November December
  enero febrero marzo abril junio julio agosto septiembre octubre noviembre diciembre`.split(/\s+/);
const letters = n => Array.from({ length: n }, () => one([...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'])).join('');
const numbers = [
  () => {
    const sign = one(['/', '/', '/', '-', '-', '.', ' / ', ' ']);
    const [day, month] = [1 + below(31), 1 + below(12)];
    const year = one(['19', '19', '20']) + digits(2);
    return one([[two(day), two(month), year], [two(month), two(day), year], [day, month, year],
      [day, month, digits(2)]]).join(sign);
  },
  () => one([`${19 + below(2)}${digits(2)}-${two(1 + below(12))}-${two(1 + below(31))}`, digits(8),
    `${1 + below(31)} ${one(months)} ${19 + below(2)}${digits(2)}`,
    `${one(months)} ${1 + below(31)}, ${19 + below(2)}${digits(2)}`,
    `${1 + below(31)} de ${one(months)} de ${19 + below(2)}${digits(2)}`]),
  () => one([`${digits(3)}-${digits(3)}-${digits(4)}`, `(${digits(3)}) ${digits(3)}-${digits(4)}`,
    `${digits(3)}.${digits(3)}.${digits(4)}`, `${digits(3)} ${digits(3)} ${digits(4)}`, digits(10),
    `+57 ${digits(3)} ${digits(7)}`, `+1 ${digits(3)} ${digits(3)} ${digits(4)}`]),
  () => one([`${digits(3)}-${digits(2)}-${digits(4)}`, digits(9), digits(8), digits(10),
    `${1 + below(99)}.${digits(3)}.${digits(3)}`, `1.${digits(3)}.${digits(3)}.${digits(3)}`]),
  () => [70 + below(150), 35 + below(90)].join(one(['/', '/', '/', ' / ', '-'])) +
    one(['', '', '', ' mmHg']),
  () => one([30 + below(170), 6 + below(40), `${80 + below(21)}%`, `${80 + below(21)} %`,
    80 + below(21), digits(2), digits(3), digits(1), `${40 + below(150)} bpm`, `${40 + below(150)} lpm`,
    `${8 + below(32)} rpm`, `${below(11)}/10`, `${8 + below(32)} /min`]),
  () => one([`${34 + below(8)}${one(['.', ','])}${below(10)}${one(['', ' C', '°C', ' °C', 'C'])}`,
    `${94 + below(12)}${one(['.', '.', ','])}${below(10)}${one(['', ' F', '°F', ' °F', 'F'])}`]),
  () => one([Array.from({ length: 4 }, () => digits(4)).join(one([' ', '-', ''])),
    `${digits(4)} ${digits(6)} ${digits(5)}`, `${two(1 + below(12))}/${digits(2)}`, digits(3)]),
  () => one([`${letters(1 + below(4))}${one(['', '-', ' '])}${digits(5 + below(5))}`,
    `${letters(3)}-${digits(4)}-${digits(4)}`, `${digits(4)}-${digits(6)}-${digits(2)}`,
    `${letters(1)}${digits(3)} ${digits(3)} ${digits(3)}`, digits(6),
    `${letters(2)}${digits(3)}${letters(1)}${digits(4)}`, `${digits(9)}${letters(1)}`,
    `${digits(1)}${letters(2)}${digits(1)}-${letters(2)}${digits(1)}-${letters(2)}${digits(2)}`]),
];
const words = process.argv.slice(4)
  .flatMap(file => readFileSync(file, 'utf8').split('\n'))
  .filter(word => /^[a-záéíóúüñ']{2,14}$/i.test(word));
const cased = word => {
  const how = below(10);
  if (how < 2) return word.toUpperCase();
  return how < 5 ? word[0].toUpperCase() + word.slice(1) : word;
};
const syllable = () => one([...'bcdfghjklmnprstvyzñ', 'ch', 'll', 'rr', 'br', 'st', 'th']) +
  one([...'aeiouaeiouáéíóú', 'ie', 'ia', 'an', 'er', 'on', 'es', 'in']);
const name = () => {
  const word = Array.from({ length: 2 + below(3) }, syllable).join('');
  return word[0].toUpperCase() + word.slice(1);
};
const single = () => one(['A', 'C', 'V', 'P', 'U', 'X', 'Alert', 'Alerta', 'ALERT', 'ALERTA', 'Voice',
  'Voz', 'Pain', 'Dolor', 'Confused', 'Confuso', 'Confusa', 'Unresponsive', 'No responde', 'M', 'F', 'N/A']);
const texts = [
  () => Array.from({ length: 1 + below(3) }, () => cased(one(words))).join(one([' ', ' ', ' ', ', ', '. '])),
  () => Array.from({ length: 1 + below(3) }, () => one(words)).join(' '),
  () => Array.from({ length: 2 + below(2) }, name).join(' '),
  single,
  () => `${one(words)} ${below(4) ? below(200) : digits(1)} ${one(words)}`,
];
for (let i = 0; i < Number(process.argv[3]); i++)
  console.log(one(below(4) && words.length ? numbers : words.length ? texts : numbers)());
