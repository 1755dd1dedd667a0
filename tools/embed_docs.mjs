// The API's description and its page as a C header: node embed_docs.mjs OUT VERSION YAML FILE...
//
// The YAML becomes compact JSON with the program's version in it; every file gets an ETag, the start
// of its SHA-256.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { basename } from 'node:path';

import { load } from 'js-yaml';

const [out, version, yaml, ...files] = process.argv.slice(2);
const api = load(fs.readFileSync(yaml, 'utf8'));
api.info.version = version;

const assets = [['openapi_json', Buffer.from(JSON.stringify(api))]];
for (const file of files) assets.push([basename(file).replace('.', '_'), fs.readFileSync(file)]);

let text = '/* Made by tools/embed_docs.mjs from api/; do not edit. */\n';
for (const [name, bytes] of assets) {
    const tag = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
    text += `static const char ${name}_etag[] = "\\"${tag}\\"";\n`;
    text += `static const unsigned char ${name}[] = {${[...bytes].join(',')}};\n`;
}
fs.writeFileSync(out, text);
