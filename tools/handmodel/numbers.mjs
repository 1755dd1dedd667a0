// Lines of numbers as forms hold them: node numbers.mjs SEED COUNT. Nothing of any form's data.
let state = Number(process.argv[2]) >>> 0;
const below = n => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 4294967296 * n);
};
const digits = n => Array.from({ length: n }, () => below(10)).join('');
const one = list => list[below(list.length)];
const two = n => String(n).padStart(2, '0');
const kinds = [
  () => {
    const sign = one(['/', '/', '-', '.']);
    const [day, month] = [1 + below(31), 1 + below(12)];
    const year = one(['19', '20']) + digits(2);
    return one([[two(day), two(month), year].join(sign), [day, month, digits(2)].join(sign),
      `${year}-${two(month)}-${two(day)}`]);
  },
  () => one([`${digits(3)}-${digits(3)}-${digits(4)}`, `(${digits(3)}) ${digits(3)}-${digits(4)}`,
    `${digits(3)}.${digits(3)}.${digits(4)}`, `${digits(3)} ${digits(3)} ${digits(4)}`, digits(10),
    `+57 ${digits(3)} ${digits(7)}`]),
  () => one([`${digits(3)}-${digits(2)}-${digits(4)}`, digits(9), digits(8), digits(10),
    `${1 + below(9)}.${digits(3)}.${digits(3)}`, `1.${digits(3)}.${digits(3)}.${digits(3)}`]),
  () => [80 + below(120), 40 + below(70)].join(one(['/', '/', ' / '])),
  () => one([40 + below(150), 8 + below(32), `${80 + below(21)}%`, `${80 + below(21)} %`,
    80 + below(21), digits(2), digits(3)]),
  () => one([`${34 + below(8)}${one(['.', ','])}${below(10)}${one(['', ' C', '°C'])}`,
    `${95 + below(11)}.${below(10)}${one(['', ' F', '°F'])}`]),
  () => one([Array.from({ length: 4 }, () => digits(4)).join(one([' ', '-', ''])),
    `${digits(4)} ${digits(6)} ${digits(5)}`, `${two(1 + below(12))}/${digits(2)}`, digits(3)]),
  () => one([`${digits(4)}-${digits(6)}-${digits(2)}`, digits(10), digits(6)]),
];
for (let i = 0; i < Number(process.argv[3]); i++) console.log(one(kinds)());
