// Who sees what: the sign-in page, or the frame with the screens of the person's role.
//
// Rule: the role decides what is offered here for convenience alone; the server decides what is allowed.
import { QueryClientProvider } from '@tanstack/preact-query';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { ErrorBoundary, lazy, LocationProvider, Route, Router } from 'preact-iso';

import { startAlarm } from '../features/alerts/signal_alarm';
import { client } from '../lib/query';
import { zone } from '../lib/time';
import type { Role } from '../lib/types';
import { Loading } from '../ui/parts';
import { Frame } from './frame';
import { type Key, loadRules, t } from './i18n';
import { startLive } from './live';
import { me, phase } from './session';
import { SignIn } from './sign_in';

type Page = (props: Record<string, unknown>) => JSX.Element;
const page = (load: () => Promise<{ default: unknown }>) => lazy(load as () => Promise<{ default: Page }>);

const Intake = page(() => import('../features/intake/intake'));
const Review = page(() => import('../features/intake/review'));
const Alerts = page(() => import('../features/alerts/alerts'));
const Board = page(() => import('../features/flow/board'));
const Patients = page(() => import('../features/patients/patients'));
const Audit = page(() => import('../features/audit/audit'));
const Work = page(() => import('../features/work/work'));
const Clinics = page(() => import('../features/clinics/clinics'));

export interface Tab {
    path: string;
    text: Key;
}

const TABS: Record<string, Tab> = {
    board: { path: '/flow', text: 'nav.board' },
    forms: { path: '/forms', text: 'nav.forms' },
    alerts: { path: '/alerts', text: 'nav.alerts' },
    patients: { path: '/patients', text: 'nav.patients' },
    clinics: { path: '/clinics', text: 'nav.clinics' },
    work: { path: '/work', text: 'nav.work' },
    audit: { path: '/audit', text: 'nav.audit' },
};

const OFFERED: Record<Role, (keyof typeof TABS)[]> = {
    ADMISSIONS: ['forms', 'patients'],
    ADMIN: ['board', 'alerts', 'forms', 'patients', 'work', 'audit'],
    DOCTOR: ['alerts', 'patients'],
    CORPORATE_ADMIN: ['clinics', 'audit'],
};

const HOME = { ADMISSIONS: Intake, ADMIN: Board, DOCTOR: Alerts, CORPORATE_ADMIN: Clinics };

function NotFound() {
    return <p class="empty">{t('notFound')}</p>;
}

function Screens({ role }: { role: Role }) {
    const Home = HOME[role];
    return (
        <ErrorBoundary>
            <Router>
                <Route path="/" component={Home} />
                <Route path="/flow" component={Board} />
                <Route path="/forms" component={Intake} />
                <Route path="/forms/:id" component={Review} />
                <Route path="/alerts" component={Alerts} />
                <Route path="/alerts/:id" component={Alerts} />
                <Route path="/patients" component={Patients} />
                <Route path="/clinics" component={Clinics} />
                <Route path="/work" component={Work} />
                <Route path="/audit" component={Audit} />
                <Route default component={NotFound} />
            </Router>
        </ErrorBoundary>
    );
}

function SignedIn() {
    const person = me.value!;
    useEffect(() => {
        zone.value = person.timezone;
        void startLive(client);
        void loadRules();
        return startAlarm();
    }, [person]);
    const tabs = OFFERED[person.role].map((name) => TABS[name]!);
    return (
        <QueryClientProvider client={client}>
            <LocationProvider>
                <Frame tabs={tabs}>
                    <Screens role={person.role} />
                </Frame>
            </LocationProvider>
        </QueryClientProvider>
    );
}

export function App() {
    if (phase.value === 'starting') return <Loading />;
    return phase.value === 'signed-in' && me.value ? <SignedIn /> : <SignIn />;
}
