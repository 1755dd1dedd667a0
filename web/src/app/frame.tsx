// Around every screen: name, tabs, who is signed in, the state of the live channel, announcements.
//
// Rule: a lost connection is said at once and in words; an alert screen that only looks alive kills.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';

import { Icon } from '../ui/icons';
import type { Tab } from './app';
import { t } from './i18n';
import { LanguageSwitch } from './language';
import { dismiss, liveState, type Notice, notices } from './live';
import { me, renew, renewalAsked, signOut } from './session';

function Tabs({ tabs }: { tabs: Tab[] }) {
    const { path } = useLocation();
    const at = (tab: Tab, first: boolean) => path.startsWith(tab.path) || (first && path === '/');
    return (
        <nav aria-label={t('nav')}>
            {tabs.map((tab, i) => (
                <a key={tab.path} href={tab.path} aria-current={at(tab, i === 0) ? 'page' : undefined}>
                    {t(tab.text)}
                </a>
            ))}
        </nav>
    );
}

// A menu closes when something else is touched.
function closeOutside(menu: HTMLDetailsElement) {
    const touched = (e: Event) => {
        if (!menu.contains(e.target as Node)) menu.open = false;
    };
    document.addEventListener('click', touched);
    return () => document.removeEventListener('click', touched);
}

function Person() {
    const person = me.value!;
    const menu = useRef<HTMLDetailsElement>(null);
    useEffect(() => closeOutside(menu.current!), []);
    return (
        <details class="person" ref={menu}>
            <summary>
                <span class="person-name">{person.fullName}</span>
                <span class="dim">{t(`role.${person.role}`)}</span>
            </summary>
            <div class="person-menu">
                <p>{person.clinicName}</p>
                {person.onDuty && <p>{t('duty', { tier: person.onDuty.tier })}</p>}
                <LanguageSwitch />
                <button type="button" onClick={() => void signOut()}>
                    {t('signOut')}
                </button>
            </div>
        </details>
    );
}

// A short break (a reload, a new token) is not worth a banner.
function useLasting(lost: boolean): boolean {
    const [lasting, setLasting] = useState(false);
    useEffect(() => {
        const timer = setTimeout(() => setLasting(lost), lost ? 2500 : 0);
        return () => clearTimeout(timer);
    }, [lost]);
    return lasting;
}

function Banners() {
    const lost = useLasting(liveState.value === 'lost');
    return (
        <div aria-live="polite">
            {lost && (
                <p class="banner bad">
                    <Icon name="URGENT" />
                    {t('live.lostLong')}
                </p>
            )}
            {renewalAsked.value && (
                <p class="banner warn">
                    {t('session.ends')}
                    <button type="button" class="small" onClick={() => void renew()}>
                        {t('session.renew')}
                    </button>
                </p>
            )}
        </div>
    );
}

function NoticeCard({ notice }: { notice: Notice }) {
    return (
        <div class={`notice ${notice.urgency}`}>
            <Icon name={notice.urgency} />
            <a href={`/alerts/${notice.id}`} onClick={() => dismiss(notice.id)}>
                <strong>
                    {t('alert.new')}: {t(`urgency.${notice.urgency}`)}
                </strong>
                <span>
                    {notice.patientName ?? t('patient.unknown')}
                    {notice.room && ` · ${t('room', { room: notice.room })}`}
                </span>
            </a>
            <button type="button" class="plain" aria-label={t('dismiss')} onClick={() => dismiss(notice.id)}>
                <Icon name="close" />
            </button>
        </div>
    );
}

// Always read out; drawn only where the alert does not appear by itself, so that nothing covers a button.
function Notices() {
    const { path } = useLocation();
    const role = me.value?.role;
    const listed = path.startsWith('/alerts') || path.startsWith('/flow') || (path === '/' && role !== 'ADMISSIONS');
    return (
        <div class={`notices ${listed ? 'unseen' : ''}`} role="alert">
            {notices.value.map((notice) => (
                <NoticeCard key={notice.id} notice={notice} />
            ))}
        </div>
    );
}

const PILLS = {
    live: { look: 'on', text: 'live.on', long: 'live.onLong' },
    stale: { look: 'late', text: 'live.stale', long: 'live.staleLong' },
    lost: { look: 'off', text: 'live.lost', long: 'live.lostLong' },
    connecting: { look: 'off', text: 'live.connecting', long: 'live.lostLong' },
    off: { look: 'off', text: 'live.connecting', long: 'live.lostLong' },
} as const;

function LivePill() {
    const { look, text, long } = PILLS[liveState.value];
    return (
        <span class={`live ${look}`} role="status" title={t(long)}>
            {t(text)}
        </span>
    );
}

export function Frame({ tabs, children }: { tabs: Tab[]; children: ComponentChildren }) {
    return (
        <>
            <a class="skip" href="#main">
                {t('skip')}
            </a>
            <header class="top">
                <a class="brand" href="/">
                    <img src="/favicon.svg" alt="" width="28" height="28" />
                    <span>NexaCore</span>
                </a>
                {tabs.length > 1 && <Tabs tabs={tabs} />}
                <LivePill />
                <Person />
            </header>
            <Banners />
            <Notices />
            <main id="main" tabIndex={-1}>
                {children}
            </main>
        </>
    );
}
