// Who is signed in: OpenID Connect, authorization code with PKCE, against the issuer that the server
// names in /web-config.json.
//
// Rule: tokens live in memory and sessionStorage, end with the tab, and are never in an address.
import { signal } from '@preact/signals';
import type { User, UserManager } from 'oidc-client-ts';

import type { Me } from '../lib/types';
import { language } from './i18n';

export type Phase = 'starting' | 'signed-out' | 'signed-in';
export type Trouble = '' | 'callback' | 'issuer' | 'account' | 'server';

export const phase = signal<Phase>('starting');
export const trouble = signal<Trouble>('');
export const me = signal<Me | null>(null);
// Work that a page change would lose; a session that ends then asks instead of leaving.
export const unsaved = signal(false);
export const renewalAsked = signal(false);

let user: User | null = null;
let renewing = false;

interface WebConfig {
    issuer: string;
    clientId: string;
    audience: string;
}

let made: Promise<UserManager> | undefined;

// Loaded on first need: the sign-in page is drawn without it.
function manager(): Promise<UserManager> {
    made ??= makeManager().catch((error: unknown) => {
        made = undefined;
        throw error;
    });
    return made;
}

async function makeManager(): Promise<UserManager> {
    const [{ UserManager, WebStorageStateStore }, response] = await Promise.all([
        import('oidc-client-ts'),
        fetch('/web-config.json'),
    ]);
    const config = (await response.json()) as WebConfig;
    const oidc = new UserManager({
        authority: config.issuer,
        client_id: config.clientId,
        redirect_uri: `${location.origin}/callback`,
        post_logout_redirect_uri: `${location.origin}/`,
        scope: 'openid profile',
        resource: config.audience, // RFC 8707
        extraQueryParams: { audience: config.audience }, // Auth0's name for the same
        userStore: new WebStorageStateStore({ store: sessionStorage }),
        stateStore: new WebStorageStateStore({ store: sessionStorage }),
        automaticSilentRenew: false,
        accessTokenExpiringNotificationTimeInSeconds: 60,
    });
    oidc.events.addAccessTokenExpiring(() => sessionEnded());
    return oidc;
}

export const accessToken = () => user?.access_token ?? '';

// The place to come back to after signing in.
const here = () => (location.pathname === '/callback' ? '/' : location.pathname + location.search);

export async function signIn() {
    trouble.value = '';
    try {
        const oidc = await manager();
        await oidc.signinRedirect({ state: here(), ui_locales: language.value });
    } catch {
        trouble.value = 'issuer';
    }
}

export async function signOut() {
    const oidc = await manager();
    const hint = user?.id_token;
    forget();
    await oidc.removeUser();
    sessionStorage.clear();
    try {
        await oidc.signoutRedirect(hint ? { id_token_hint: hint } : {});
    } catch {
        location.assign('/'); // an issuer without a sign-out page
    }
}

function forget() {
    user = null;
    me.value = null;
    phase.value = 'signed-out';
}

// The token is refused or about to end: renew it, by refresh token where the issuer gave one, else by
// a visit to the issuer, who knows the person still.
export function sessionEnded() {
    if (renewing || phase.value !== 'signed-in') return;
    if (unsaved.value) {
        renewalAsked.value = true;
        return;
    }
    void renew();
}

export async function renew() {
    renewing = true;
    renewalAsked.value = false;
    try {
        const oidc = await manager();
        if (user?.refresh_token) {
            user = await oidc.signinSilent();
            if (user) return;
        }
        await oidc.signinRedirect({ state: here(), ui_locales: language.value });
    } catch {
        renewalAsked.value = true;
    } finally {
        renewing = false;
    }
}

async function userOfThisVisit(): Promise<User | null> {
    const oidc = await manager();
    if (location.pathname === '/callback') {
        try {
            const found = (await oidc.signinCallback()) ?? null;
            const back = typeof found?.state === 'string' && found.state.startsWith('/') ? found.state : '/';
            history.replaceState(null, '', back);
            return found;
        } catch {
            history.replaceState(null, '', '/');
            trouble.value = 'callback';
            return null;
        }
    }
    const kept = await oidc.getUser();
    return kept && !kept.expired ? kept : null;
}

const mayBeKept = () =>
    location.pathname === '/callback' || Object.keys(sessionStorage).some((key) => key.startsWith('oidc.user:'));

async function loadMe(): Promise<Me | null> {
    const headers = { authorization: `Bearer ${accessToken()}` };
    const response = await fetch('/api/v1/me', { headers }).catch(() => null);
    if (response?.ok) return response.json();
    trouble.value = response?.status === 401 || response?.status === 403 ? 'account' : 'server';
    return null;
}

export async function startSession() {
    try {
        if (mayBeKept()) user = await userOfThisVisit();
    } catch {
        trouble.value = 'issuer';
    }
    if (user) me.value = await loadMe();
    phase.value = me.value ? 'signed-in' : 'signed-out';
}
