// Debian's Chromium for the browser tests and the screenshots, driven by playwright-core.
//
// Rule: an empty profile each time, nothing that phones home, and only loopback is reached.
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const FLAGS = [
    '--no-sandbox', // CI runs as root
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-dev-shm-usage',
];

export const sizes = {
    desktop: { width: 1280, height: 800 },
    phone: { width: 390, height: 844 },
};

// {context, page, close()}: a browser of its own for one person. `console` collects what the page
// complained about, so that a test can hold it empty.
export async function openBrowser({ size = sizes.desktop, locale = 'es-CO', ...options } = {}) {
    const profile = fs.mkdtempSync(join(os.tmpdir(), 'nexacore-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
        executablePath: process.env.NEXACORE_CHROMIUM ?? '/usr/bin/chromium',
        headless: true,
        timeout: 120_000,
        args: FLAGS,
        viewport: size,
        locale,
        ...options,
    });
    context.setDefaultTimeout(90_000); // no claim: a loaded machine needs it
    const page = context.pages()[0] ?? (await context.newPage());
    const complaints = [];
    page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
    page.on('pageerror', (e) => complaints.push(e.message));
    return {
        context,
        page,
        complaints,
        async close() {
            await context.close();
            fs.rmSync(profile, { recursive: true, force: true });
        },
    };
}

// Signs in on the issuer's page by login and password and waits to be back on ours.
export async function signIn(page, url, account) {
    await page.goto(url);
    const password = page.locator('input[type=password][autocomplete=current-password]');
    const enter = page.getByRole('button', { name: /iniciar sesión|sign in|entrar/i }).first();
    await password.or(enter).first().waitFor();
    if (!(await password.isVisible())) await enter.click();
    await password.waitFor();
    await page.locator('input[autocomplete=username]').fill(account.login);
    await password.fill(account.password);
    await page.locator('button.go').click();
    await page.waitForURL((at) => at.origin === new URL(url).origin && !/callback/.test(at.pathname));
}
