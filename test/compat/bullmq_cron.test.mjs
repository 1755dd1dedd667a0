// Cron times of lib/bullmq are those of Node's BullMQ: the same cron-parser, pattern by pattern.
//
// ROUNDS=20 tries twenty times as many random patterns as CI does. Rule: the other side is asked as
// BullMQ asks it, a new parse for each next time.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import { CronExpressionParser } from 'cron-parser';

import { cliPath } from './bullmq_world.mjs';

const rounds = Number(process.env.ROUNDS ?? 1);

const zones = [
    'UTC', 'utc+5:30', 'UTC-3', 'America/Bogota', 'America/New_York', 'America/Sao_Paulo', 'America/Santiago',
    'America/Havana', 'America/Asuncion', 'Europe/Madrid', 'Europe/Dublin', 'Africa/Cairo', 'Africa/Casablanca',
    'Asia/Kolkata', 'Asia/Tehran', 'Asia/Beirut', 'Australia/Lord_Howe', 'Pacific/Apia', 'Antarctica/Troll',
];
const withSummerTime = ['Europe/Madrid', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana', 'Antarctica/Troll'];

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const whole = (low, high) => low + Math.floor(Math.random() * (high - low + 1));

function ours(pattern, tz, start, count) {
    const child = spawnSync(cliPath, ['next', pattern, String(start), String(count)], { env: { ...process.env, TZ: tz } });
    if (child.status !== 0) return null;
    return child.stdout.toString().trim().split('\n').map(Number);
}

function theirs(pattern, tz, start, count) {
    const times = [];
    try {
        for (let at = start * 1000; times.length < count; times.push(at))
            at = CronExpressionParser.parse(pattern, { currentDate: new Date(at), tz }).next().getTime();
        return times;
    } catch {
        return null;
    }
}

// The text around the first difference, so that a failure names the moment.
function same(pattern, tz, start, count) {
    const mine = ours(pattern, tz, start, count);
    const stock = theirs(pattern, tz, start, count);
    if (mine?.join() === stock?.join()) return;
    const i = mine && stock ? mine.findIndex((ms, at) => ms !== stock[at]) : 0;
    const say = (list) => (list ? new Date(list[i]).toISOString() : 'refused');
    assert.fail(`"${pattern}" in ${tz} after ${start}, time ${i}: C ${say(mine)}, Node ${say(stock)}`);
}

function randomField(low, high, more) {
    const a = whole(low, high);
    const b = whole(a, high);
    return pick(['*', '*', '?', `${a}`, `${a}`, `${a}-${b}`, `*/${whole(1, high)}`, `${a},${whole(low, high)}`,
        `${a}/${whole(1, 9)}`, `${a}-${b}/${whole(1, 5)}`, ...more]);
}

function randomPattern() {
    const fields = [
        Math.random() < 0.6 ? '0' : randomField(0, 59, []),
        Math.random() < 0.5 ? pick(['0', '30', '*/15', '59']) : randomField(0, 59, []),
        randomField(0, 23, []),
        randomField(1, 31, ['L', 'L']),
        randomField(1, 12, ['jan', 'MAR-oct']),
        randomField(0, 7, ['5L', 'fri#2', 'mon-fri', '1#5']),
    ];
    if (Math.random() < 0.4) fields.fill('*', 3);
    return fields.slice(pick([0, 1, 1])).join(' ');
}

test('random patterns in zones with and without summer time give the times of stock Node', () => {
    for (let i = 0; i < 25 * rounds; i++)
        same(randomPattern(), pick(zones), 1_600_000_000 + whole(0, 8e8), pick([5, 40, 150]));
});

test('a year of daily, hourly and quarter-hourly times passes both clock changes as in stock Node', () => {
    for (const tz of withSummerTime) same('30 2 * * *', tz, Date.UTC(2026, 0, 1) / 1000, 366);
    for (const tz of rounds > 1 ? withSummerTime : [pick(withSummerTime)])
        for (const month of [2, 3, 8, 9]) same('15,45 0-4 * * *', tz, Date.UTC(2026, month, 1) / 1000, 350);
    const changes = [Date.UTC(2026, 2, 7), Date.UTC(2026, 2, 28), Date.UTC(2026, 3, 4), Date.UTC(2026, 9, 3), Date.UTC(2026, 9, 24), Date.UTC(2026, 9, 31)];
    for (const tz of withSummerTime)
        for (const day of changes) same(pick(['*/15 * * * *', '0 * * * *', '*/20 0-5 * * *']), tz, day / 1000, 120);
});

test('times after the zone file\'s table follow its last rule', () => {
    for (const tz of withSummerTime) same('30 1,2,3 * * *', tz, Date.UTC(2061, 2, 1) / 1000, 120);
});

test('patterns that stock Node refuses are refused, odd ones it takes are taken', () => {
    const patterns = ['* * * *', '5', '@midnight', '@Daily', '@daily', '@weekdays', '@secondly', '60 * * * *', '* 24 * * *',
        '* * 0 * *', '* * * 13 *', '* * * * 8', '5-1 * * * *', '*/0 * * * *', '1,, * * * *', '1, * * * *', ',1 * * * *',
        'a * * * *', '* * * * * * *', '1,1 * * * *', '1-5,3 * * * *', '* * * * 0,7', '* * * * 0-7', '* * * * 5-7', '* * * * 1/2',
        '* * * * */2', '1-5-7 * * * *', '/5 * * * *', '*/5/2 * * * *', '*/ * * * *', '5/15 * * * *', '007 * * * *', '** * * * *',
        '* * L * *', '* * 5L * *', '* * L-3 * *', '* * * * L', '* * * * 5L', '* * * * 7L', '* * * * 12L', '* * * * 123L', '* * L * 1L',
        '* * * * 5#2', '* * * * 5#6', '* * * * 5#', '* * * * #2', '* * * * mon#2', '* * * * 1,2#2', '* * * * *#2', '* * * jan mon',
        '* * * mon jan', '* * * foo *', '* * * januar *', '* * 31 2 *', '0 0 29 2 *', '0 0 30 2 1', '\t*  * *\n* * ', '* * * * 1-5L',
        'L * * * *', '* * * L *', '1-5/100 * * * *', '1/1-3 * * * *', '-5 * * * *', '5- * * * *', '+5 * * * *', '1.5 * * * *',
        'H(9-5) * * * *', 'H(1-99)/0 * * * *', `${'1,'.repeat(600)}2 * * * *`, '?/7 * ? * ?'];
    for (const pattern of patterns) same(pattern, 'Europe/Madrid', 1_764_590_400, 3);
});

test('a hashed field takes a value of its range', () => {
    for (let i = 0; i < 10; i++) {
        const [ms] = ours('H(10-19) H/6 * * *', 'UTC', 1_764_590_400, 1);
        const minute = new Date(ms).getUTCMinutes();
        assert.ok(minute >= 10 && minute <= 19, `minute ${minute}`);
    }
});

test('a zone that does not exist is refused, also one that climbs out of its folder', () => {
    for (const tz of ['Mars/Base', '../../../etc/passwd', '/etc/localtime', 'Europe', 'utc+x', 'utc+5:'])
        assert.equal(ours('* * * * *', tz, 1_764_590_400, 1), null, tz);
});
