// Writes files as C byte arrays into one header: node embed.mjs OUT NAME=FILE...
import fs from 'node:fs';

const [out, ...entries] = process.argv.slice(2);
let text = '/* Made by tools/embed.mjs from files of data/; do not edit. */\n';
for (const entry of entries) {
  const at = entry.indexOf('=');
  const bytes = fs.readFileSync(entry.slice(at + 1));
  text += `static const unsigned char ${entry.slice(0, at)}[] = {${[...bytes].join(',')}};\n`;
}
fs.writeFileSync(out, text);
