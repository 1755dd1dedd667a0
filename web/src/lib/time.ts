// Times as people at the clinic read them: how long ago, and the clock of the clinic.
//
// Rule: the zone is the clinic's, never the browser's; `now` ticks, so what shows an age is redrawn.
import { signal } from '@preact/signals';

import { language } from '../app/i18n';

export const now = signal(Date.now());
export const zone = signal<string | undefined>(undefined);
setInterval(() => (now.value = Date.now()), 5000);

const locale = () => (language.value === 'es' ? 'es-419' : 'en');
const cache = new Map<string, Intl.DateTimeFormat>();

function format(kind: 'clock' | 'day' | 'date', at: Date): string {
    const key = `${kind} ${locale()} ${zone.value}`;
    let made = cache.get(key);
    if (!made) {
        const shape: Intl.DateTimeFormatOptions =
            kind === 'clock'
                ? { hour: '2-digit', minute: '2-digit' }
                : kind === 'day'
                  ? { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }
                  : { day: 'numeric', month: 'short', year: 'numeric' };
        made = new Intl.DateTimeFormat(locale(), { ...shape, timeZone: zone.value });
        cache.set(key, made);
    }
    return made.format(at);
}

// "hace 2 min", "hace 3 h"
export function ago(iso: string): string {
    const seconds = Math.max(0, Math.round((now.value - Date.parse(iso)) / 1000));
    const words = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'short' });
    if (seconds < 60) return words.format(-seconds, 'second');
    if (seconds < 3600) return words.format(-Math.floor(seconds / 60), 'minute');
    if (seconds < 48 * 3600) return words.format(-Math.floor(seconds / 3600), 'hour');
    return words.format(-Math.floor(seconds / 86400), 'day');
}

// "14:05" today, "21 nov, 14:05" otherwise.
export function clock(iso: string): string {
    const at = new Date(iso);
    const today = format('date', at) === format('date', new Date(now.value));
    return format(today ? 'clock' : 'day', at);
}

// Day and time to the second, for a trail.
export function exactTime(iso: string): string {
    const shape = { dateStyle: 'medium', timeStyle: 'medium', timeZone: zone.value } as const;
    return new Intl.DateTimeFormat(locale(), shape).format(new Date(iso));
}

// A date without a time ("1972-01-23") belongs to no zone.
export function plainDate(iso: string): string {
    const at = new Date(`${iso}T12:00:00Z`);
    if (Number.isNaN(at.getTime())) return iso;
    return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeZone: 'UTC' }).format(at);
}

export function minutes(value: number | null): string {
    if (value === null) return '–';
    if (value < 120) return `${Math.round(value)} min`;
    return `${new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(value / 60)} h`;
}

export function waited(iso: string): string {
    return minutes(Math.max(0, (now.value - Date.parse(iso)) / 60000));
}
