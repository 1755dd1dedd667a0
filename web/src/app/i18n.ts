// The two languages of the page. t() is reactive: who called it is drawn again when `language` changes.
//
// Rule: every text a person reads is a key of es.json; en.json has the same keys (tested).
import { signal } from '@preact/signals';
import { createInstance } from 'i18next';

import type es from './es.json';

export type Key = keyof typeof es;
export type Language = 'es' | 'en';

const KEPT = 'nexacore.language';
const i18n = createInstance();

export const language = signal<Language>('es');

// What was chosen before; else the browser's first language that we speak; else Spanish.
function preferred(): Language {
    const kept = localStorage.getItem(KEPT);
    if (kept === 'es' || kept === 'en') return kept;
    const spoken = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag === 'es' || tag === 'en');
    return spoken === 'en' ? 'en' : 'es';
}

const pages = { es: () => import('./es.json'), en: () => import('./en.json') };
const rules = { es: () => import('./rules.es.json'), en: () => import('./rules.en.json') };
const rulesCount = signal(0);
let rulesWanted = false;

async function load(lang: Language) {
    if (!i18n.hasResourceBundle(lang, 'page')) i18n.addResourceBundle(lang, 'page', (await pages[lang]()).default);
    if (rulesWanted && !i18n.hasResourceBundle(lang, 'rules')) {
        i18n.addResourceBundle(lang, 'rules', (await rules[lang]()).default);
        rulesCount.value++;
    }
}

// The names of rules come after signing in: the sign-in page has no use for them.
export async function loadRules() {
    rulesWanted = true;
    await load(language.value);
}

export async function setLanguage(lang: Language) {
    await load(lang);
    await i18n.changeLanguage(lang);
    document.documentElement.lang = lang;
    language.value = lang;
}

export async function chooseLanguage(lang: Language) {
    localStorage.setItem(KEPT, lang);
    await setLanguage(lang);
}

export async function startI18n() {
    await i18n.init({
        lng: 'es',
        fallbackLng: false,
        ns: ['page', 'rules'],
        defaultNS: 'page',
        keySeparator: false,
        nsSeparator: false,
        interpolation: { escapeValue: false }, // Preact escapes
        resources: {},
    });
    await setLanguage(preferred());
}

export function t(key: Key, values?: Record<string, string | number>): string {
    void language.value; // subscribes the component
    return i18n.t(key, values ?? {});
}

// A rule or concept of the triage in plain words; one that is not known keeps its name.
export function ruleText(rule: string): string {
    void language.value;
    void rulesCount.value;
    return i18n.t(rule, { ns: 'rules', defaultValue: rule.replaceAll('_', ' ') });
}

// A key made at run time, or the server's own code where it has no text.
export function tCode(key: string, code: string): string {
    void language.value;
    return i18n.exists(key) ? i18n.t(key) : code;
}

// A key made at run time (codes of the server), or the second one where it is not known.
export function tOr(key: string, fallback: Key): string {
    void language.value;
    return i18n.exists(key) ? i18n.t(key) : i18n.t(fallback);
}
