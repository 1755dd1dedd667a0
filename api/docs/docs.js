// Shows /openapi.json as a page: contents, one fold an operation, one a schema.
//
// Rule: text of the document becomes text nodes, never markup.

// el('p', { class: 'quiet' }, 'text', node, ...): an element with attributes and children.
function el(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
    return node;
}

// `code` and **strong** of a paragraph; everything else stays as it is written.
function inline(text) {
    return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
        if (part.startsWith('`')) return el('code', null, part.slice(1, -1));
        if (part.startsWith('**')) return el('strong', null, part.slice(2, -2));
        return part;
    });
}

const paragraphs = (text) =>
    (text ?? '').split(/\n\s*\n/).filter((p) => p.trim()).map((p) => el('p', null, inline(p.trim())));

const anchorOf = (...parts) => parts.join('-').replace(/[^A-Za-z0-9-]+/g, '_');
const lastOf = (ref) => ref.split('/').at(-1);

function resolve(api, thing) {
    if (!thing?.$ref) return thing;
    const found = thing.$ref.split('/').slice(1).reduce((at, key) => at?.[key], api);
    const { $ref: _, ...beside } = thing;
    return { ...resolve(api, found), ...beside };
}

// ---- schemas -----------------------------------------------------------------------------------
const LIMITS = { minimum: 'from', maximum: 'to', minLength: 'at least', maxLength: 'at most', minItems: 'at least',
    maxItems: 'at most', pattern: 'like', default: 'default', format: '' };

function limitsOf(schema) {
    const words = Object.entries(LIMITS).filter(([key]) => schema[key] !== undefined)
        .map(([key, word]) => `${word} ${schema[key]}`.trim());
    if (schema.enum) words.push(schema.enum.map((v) => JSON.stringify(v)).join(' | '));
    if ('const' in schema) words.push(JSON.stringify(schema.const));
    return words.length ? el('span', { class: 'quiet' }, ` (${words.join(', ')})`) : null;
}

const typeOf = (schema) => [schema.type ?? (schema.properties ? 'object' : 'any')].flat().join(' or ');

const refLink = (schema) => el('a', { href: `#${anchorOf('schema', lastOf(schema.$ref))}` }, lastOf(schema.$ref));

function members(schema) {
    const required = new Set(schema.required ?? []);
    return el('ul', { class: 'members' }, Object.entries(schema.properties).map(([name, member]) =>
        el('li', null, el('code', null, name), required.has(name) ? '' : ' (optional)', ': ', shape(member))));
}

// A schema as nodes: a link where it has a name, else its type with limits and members.
function shape(schema) {
    const nodes = [];
    if (schema.$ref) nodes.push(refLink(schema));
    else if (schema.oneOf) schema.oneOf.forEach((one, i) => nodes.push(i ? ' or ' : '', ...shape(one)));
    else nodes.push(typeOf(schema), limitsOf(schema));
    if (schema.items) nodes.push(' of ', ...shape(schema.items));
    if (schema.description) nodes.push(' ', el('span', { class: 'quiet' }, inline(schema.description)));
    if (schema.properties) nodes.push(members(schema));
    return nodes;
}

const example = (value) => el('pre', null, JSON.stringify(value, null, 2));

function contents(api, body) {
    return Object.entries(body?.content ?? {}).map(([type, { schema, example: sample }]) =>
        el('div', null, el('code', null, type), schema ? [' ', shape(schema)] : '', sample ? example(sample) : null));
}

// ---- operations --------------------------------------------------------------------------------
function parameters(api, operation) {
    const rows = (operation.parameters ?? []).map((p) => resolve(api, p));
    if (!rows.length) return [];
    return [el('h4', null, 'Parameters'), el('table', null, rows.map((p) => el('tr', null,
        el('td', null, el('code', null, p.name), p.required ? '' : ' (optional)'),
        el('td', null, p.in),
        el('td', null, shape(p.schema), p.description ? el('div', { class: 'quiet' }, inline(p.description)) : ''))))];
}

function responses(api, operation) {
    const rows = Object.entries(operation.responses).map(([status, response]) => {
        const { description, headers, ...rest } = resolve(api, response);
        const names = Object.keys(headers ?? {});
        return el('tr', null, el('td', null, el('code', null, status)), el('td', null, inline(description.trim()),
            names.length ? el('div', { class: 'quiet' }, `Headers: ${names.join(', ')}`) : '', contents(api, rest)));
    });
    return [el('h4', null, 'Answers'), el('table', null, rows)];
}

function rolesOf(operation) {
    const roles = operation['x-roles'] ?? [];
    const audit = operation['x-audit'] ? `; audited as ${operation['x-audit']}` : '';
    return el('p', { class: 'quiet' }, roles.length ? `For ${roles.join(', ')}${audit}.` : 'Without a token.');
}

function operationNode(api, path, method, operation) {
    const body = resolve(api, operation.requestBody);
    return el('details', { id: anchorOf('op', operation.operationId) },
        el('summary', null, el('h3', null, el('span', { class: 'method' }, method.toUpperCase()), ' ',
            el('span', { class: 'path' }, path)), el('small', null, operation.summary)),
        paragraphs(operation.description), rolesOf(operation), parameters(api, operation),
        body ? [el('h4', null, 'Body'), contents(api, body)] : [], responses(api, operation));
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function operationsOf(api, tag) {
    return Object.entries(api.paths).flatMap(([path, item]) => METHODS
        .filter((method) => item[method]?.tags.includes(tag))
        .map((method) => ({ path, method, operation: item[method] })));
}

// ---- the page ----------------------------------------------------------------------------------
function show(api) {
    const main = document.getElementById('document');
    const list = el('ul');
    main.replaceChildren(...paragraphs(api.info.description));
    for (const tag of api.tags) {
        const operations = operationsOf(api, tag.name);
        main.append(el('h2', { id: anchorOf('tag', tag.name) }, tag.name), ...paragraphs(tag.description));
        main.append(...operations.map((o) => operationNode(api, o.path, o.method, o.operation)));
        list.append(el('li', null, el('a', { href: `#${anchorOf('tag', tag.name)}` }, tag.name), el('ul', null,
            operations.map((o) => el('li', null,
                el('a', { href: `#${anchorOf('op', o.operation.operationId)}` }, o.operation.summary))))));
    }
    main.append(el('h2', { id: 'schemas' }, 'schemas'));
    for (const [name, schema] of Object.entries(api.components.schemas))
        main.append(el('details', { id: anchorOf('schema', name) },
            el('summary', null, el('h3', null, name)), el('div', null, shape(schema))));
    list.append(el('li', null, el('a', { href: '#schemas' }, 'schemas')));
    document.getElementById('contents').replaceChildren(list);
}

// A link to an operation or a schema opens its fold.
function openTarget() {
    const target = document.getElementById(location.hash.slice(1));
    if (target?.tagName === 'DETAILS') target.open = true;
    target?.scrollIntoView();
}

try {
    const answer = await fetch('/openapi.json');
    if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
    show(await answer.json());
    addEventListener('hashchange', openTarget);
    openTarget();
} catch (error) {
    document.getElementById('document').replaceChildren(el('p', null, `The description did not load: ${error.message}`));
}
