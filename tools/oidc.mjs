// The OpenID Connect issuer of the demo and the tests: npm oidc-provider with one login per role.
//
//   const issuer = await startIssuer({ port: 0, accounts, webOrigins: () => ['http://...'] });
//   issuer.url, issuer.jwksUrl, issuer.audience, issuer.webClientId
//   await issuer.token('doctor')                       // an access token, by the token endpoint
//   await issuer.token('doctor', { expiresIn: 5 })     // one that expires soon
//   await issuer.stop()
//
// An account is {login, password, name, role, authId, clinicId, userId, clinicName}. `accounts` may
// be a function, read at each sign-in, because the demo makes its users while the issuer is up.
// The web page is a public client with PKCE ("nexacore-web"). Tools and tests use the password
// grant of "nexacore-tools", which exists here and nowhere else.
// Rule: this is for loopback. Production has its own issuer (Auth0 or any other).
import crypto from 'node:crypto';
import http from 'node:http';

import { errorPage, signInPage } from './oidc_pages.mjs';

// The library warns on the console that its store is in memory and that Node 20 is old; a demo may.
async function quietly(run) {
    const { warn } = console;
    console.warn = () => {};
    try {
        return await run();
    } finally {
        console.warn = warn;
    }
}
const { default: Provider, errors } = await quietly(() => import('oidc-provider'));

const AUDIENCE = 'https://api.nexacore.local';
const SCOPES = 'openid profile offline_access';
const HOUR = 3600;

const signingKey = () => ({
    ...crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
    kid: crypto.randomBytes(6).toString('hex'),
    alg: 'RS256',
    use: 'sig',
});

const resourceServer = (audience) => ({
    audience,
    scope: 'api',
    accessTokenFormat: 'jwt',
    accessTokenTTL: HOUR,
    jwt: { sign: { alg: 'RS256' } },
});

function sameSecret(a, b) {
    const digest = (text) => crypto.createHash('sha256').update(String(text)).digest();
    return crypto.timingSafeEqual(digest(a), digest(b));
}

class Directory {
    constructor(accounts) {
        this.list = typeof accounts === 'function' ? accounts : () => accounts;
    }

    byId(id) {
        return this.list().find((a) => a.authId === id);
    }

    bySecret(login, password) {
        const account = this.list().find((a) => a.login === login);
        return account && sameSecret(account.password, password ?? '') ? account : null;
    }
}

function clients(webOrigins) {
    const at = (path) => webOrigins().map((origin) => `${origin}${path}`);
    return [
        {
            client_id: 'nexacore-web',
            client_name: 'NexaCore',
            token_endpoint_auth_method: 'none',
            grant_types: ['authorization_code', 'refresh_token'],
            response_types: ['code'],
            redirect_uris: [...at('/callback'), ...at('/silent-callback')],
            post_logout_redirect_uris: at('/'),
        },
        {
            client_id: 'nexacore-tools',
            token_endpoint_auth_method: 'none',
            grant_types: ['password'],
            response_types: [],
            redirect_uris: [],
        },
    ];
}

// The settings of oidc-provider; `directory` knows the accounts.
function configuration(directory, webOrigins, audience) {
    return {
        clients: clients(webOrigins),
        jwks: { keys: [signingKey()] },
        cookies: { keys: [crypto.randomBytes(24).toString('hex')] },
        scopes: ['openid', 'profile', 'offline_access'],
        claims: { openid: ['sub'], profile: ['name', 'role', 'clinic_id', 'user_id'] },
        conformIdTokenClaims: false,
        ttl: { AccessToken: HOUR, IdToken: HOUR, Session: 12 * HOUR, Grant: 12 * HOUR, Interaction: HOUR },
        interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
        clientBasedCORS: (_ctx, origin) => webOrigins().includes(origin),
        renderError: (ctx, out) => {
            ctx.type = 'html';
            ctx.body = errorPage(out);
        },
        features: {
            devInteractions: { enabled: false },
            resourceIndicators: {
                enabled: true,
                defaultResource: () => audience,
                useGrantedResource: () => true,
                getResourceServerInfo: (_ctx, resource) => {
                    if (resource !== audience) throw new errors.InvalidTarget();
                    return resourceServer(audience);
                },
            },
        },
        findAccount: (_ctx, id) => {
            const account = directory.byId(id);
            return account && { accountId: id, claims: () => ({ sub: id, ...apiClaims(account), name: account.name }) };
        },
        extraTokenClaims: (_ctx, token) => {
            const account = directory.byId(token.accountId);
            return account && apiClaims(account);
        },
        // Our own page asks for nobody's consent: the client is ours.
        loadExistingGrant: async (ctx) => {
            const { client, session, provider } = ctx.oidc;
            const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
            grant.addOIDCScope(SCOPES);
            grant.addResourceScope(audience, 'api');
            await grant.save();
            return grant;
        },
    };
}

const apiClaims = (account) => ({
    clinic_id: account.clinicId,
    user_id: account.userId,
    role: account.role,
    ...account.claims, // what else an issuer may say of somebody; of ours nobody has any
});

// grant_type=password (RFC 6749, 4.3), for tools and tests of this machine alone.
function passwordGrant(provider, directory, audience) {
    return async (ctx) => {
        const { username, password, expires_in: seconds } = ctx.oidc.params;
        const account = directory.bySecret(username, password);
        if (!account) throw new errors.InvalidGrant('wrong login or password');
        const { client } = ctx.oidc;
        const grant = new provider.Grant({ clientId: client.clientId, accountId: account.authId });
        grant.addResourceScope(audience, 'api');
        const token = new provider.AccessToken({
            accountId: account.authId,
            client,
            grantId: await grant.save(),
            gty: 'password',
            scope: 'api',
        });
        token.resourceServer = new provider.ResourceServer(audience, resourceServer(audience));
        if (seconds) token.expiresIn = Number(seconds);
        ctx.oidc.entity('AccessToken', token);
        ctx.oidc.entity('Grant', grant);
        ctx.body = {
            access_token: await token.save(),
            expires_in: token.expiration,
            token_type: token.tokenType,
        };
    };
}

function readForm(request) {
    return new Promise((resolve, reject) => {
        let text = '';
        request.on('data', (d) => {
            text += d;
            if (text.length > 4096) reject(new Error('form too large'));
        });
        request.on('end', () => resolve(new URLSearchParams(text)));
        request.on('error', reject);
    });
}

const htmlHeaders = {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
};

// Shows the sign-in page, or takes what was typed into it.
async function interaction(provider, directory, request, response) {
    const details = await provider.interactionDetails(request, response);
    const language = (details.params.ui_locales ?? request.headers['accept-language'] ?? 'es').slice(0, 2);
    const show = (status, failed) => {
        response.writeHead(status, htmlHeaders);
        response.end(signInPage({ accounts: directory.list(), uid: details.uid, language, failed }));
    };
    if (request.method !== 'POST') return show(200, false);
    const form = await readForm(request);
    const account = directory.bySecret(form.get('login'), form.get('password'));
    if (!account) return show(401, true);
    const result = { login: { accountId: account.authId } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

function listen(server, port) {
    return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => resolve(server.address().port));
    });
}

async function askToken(url, account, expiresIn) {
    const form = {
        grant_type: 'password',
        client_id: 'nexacore-tools',
        username: account.login,
        password: account.password,
    };
    if (expiresIn) form.expires_in = String(expiresIn);
    const response = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) });
    const body = await response.json();
    if (!response.ok) throw new Error(`no token for ${account.login}: ${JSON.stringify(body)}`);
    return body.access_token;
}

export async function startIssuer({ port = 0, accounts = [], webOrigins = () => [] } = {}) {
    const directory = new Directory(accounts);
    let handle = (_request, response) => response.writeHead(503).end();
    const server = http.createServer((request, response) => handle(request, response));
    const url = `http://127.0.0.1:${await listen(server, port)}`;

    const settings = configuration(directory, webOrigins, AUDIENCE);
    const provider = await quietly(() => new Provider(url, settings));
    const grant = passwordGrant(provider, directory, AUDIENCE);
    provider.registerGrantType('password', grant, ['username', 'password', 'expires_in']);
    const callback = provider.callback();
    handle = (request, response) => {
        if (!request.url.startsWith('/interaction/')) return callback(request, response);
        return interaction(provider, directory, request, response).catch((e) => {
            response.writeHead(400, htmlHeaders);
            response.end(errorPage({ error: 'sign-in', error_description: e.message }));
        });
    };
    return {
        url,
        jwksUrl: `${url}/jwks`,
        audience: AUDIENCE,
        webClientId: 'nexacore-web',
        token(login, { expiresIn } = {}) {
            const account = directory.list().find((a) => a.login === login);
            if (!account) throw new Error(`no account ${login}`);
            return askToken(url, account, expiresIn);
        },
        async stop() {
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
        },
    };
}
