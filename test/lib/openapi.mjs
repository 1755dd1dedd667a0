// Checks a response against api/openapi.yaml: path, method, status, media type, body.
//
// Rule: what the document does not mention is a fault of the document or of the server, never fine.
import fs from 'node:fs';
import { resolve } from 'node:path';

import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { load } from 'js-yaml';

const FILE = resolve(import.meta.dirname, '../../api/openapi.yaml');

const escapePointer = (text) => text.replace(/~/g, '~0').replace(/\//g, '~1').replace(/%/g, '%25');

function pathPattern(template) {
    const literal = template.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
    return new RegExp(`^${literal.replace(/\{[^}]+\}/g, '[^/]+')}$`);
}

export class OpenApi {
    constructor(document) {
        this.document = document;
        this.ajv = new Ajv2020({ strict: false, allErrors: true });
        addFormats(this.ajv);
        this.ajv.addSchema(document, 'openapi');
        this.validators = new Map();
        // Literal paths first: /patients/search before /patients/{id}.
        this.paths = Object.keys(document.paths)
            .sort((a, b) => a.split('{').length - b.split('{').length)
            .map((template) => ({ template, pattern: pathPattern(template) }));
        this.seen = new Set();
    }

    // Follows $ref from a pointer to where the object really stands.
    locate(pointer) {
        const parts = pointer.split('/').slice(1);
        let at = this.document;
        let where = '';
        for (const part of parts) {
            at = at?.[decodeURIComponent(part).replace(/~1/g, '/').replace(/~0/g, '~')];
            where = `${where}/${part}`;
            if (at?.$ref) return this.locate(at.$ref.slice(1) + pointer.slice(where.length));
        }
        return { at, where };
    }

    response(template, method, status) {
        const base = `/paths/${escapePointer(template)}/${method.toLowerCase()}/responses`;
        for (const key of [String(status), `${String(status)[0]}XX`, 'default']) {
            const found = this.locate(`${base}/${key}`);
            if (found.at) return found;
        }
        return null;
    }

    validator(pointer) {
        if (!this.validators.has(pointer))
            this.validators.set(pointer, this.ajv.compile({ $ref: `openapi#${pointer}` }));
        return this.validators.get(pointer);
    }

    // What is wrong with a response, or null. `path` is without query, `body` parsed JSON or null.
    fault({ method, path, status, contentType, body }) {
        const route = this.paths.find((p) => p.pattern.test(path));
        if (!route) return status === 404 ? null : `${path} is not in openapi.yaml`;
        const documented = this.document.paths[route.template][method.toLowerCase()];
        if (!documented) return status === 405 ? null : `${method} ${route.template} is not in openapi.yaml`;
        const found = this.response(route.template, method, status);
        if (!found) return `${method} ${route.template}: status ${status} is not in openapi.yaml`;
        this.seen.add(`${method} ${route.template} ${status}`);
        const type = (contentType ?? '').split(';')[0];
        const content = found.at.content ?? {};
        if (!type) return Object.keys(content).length ? `${method} ${route.template} ${status}: no body` : null;
        if (!content[type]) return `${method} ${route.template} ${status}: ${type} is not in openapi.yaml`;
        if (!/json$/.test(type) || !content[type].schema) return null;
        const check = this.validator(`${found.where}/content/${escapePointer(type)}/schema`);
        if (check(body)) return null;
        const first = check.errors.slice(0, 3).map((e) => `${e.instancePath || '/'} ${e.message}`);
        return `${method} ${route.template} ${status}: ${first.join('; ')} in ${JSON.stringify(body).slice(0, 400)}`;
    }
}

// The project's document, or null while there is none.
export function loadOpenApi() {
    return new OpenApi(load(fs.readFileSync(FILE, 'utf8')));
}
