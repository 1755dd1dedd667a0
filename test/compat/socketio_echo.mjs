// Starts build/sio_echo for the compatibility tests of lib/socketio.
//
// Rule: stop() fails when the server ended badly (a crash, a sanitizer report), so every test is
// also a test of that.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join, resolve } from 'node:path';

import { io } from 'socket.io-client';

import { sleep, startPart, until } from '../../tools/lib/process.mjs';
import { root } from '../../tools/lib/system.mjs';

const build = resolve(root, process.env.NEXACORE_BUILD ?? 'build-test');
export const echoProgram = process.env.SIO_ECHO ?? join(build, 'sio_echo');

export class Echo {
    // Flags of sio_echo, or {program} for another one without flags.
    static async start(...flags) {
        const echo = new Echo();
        const other = flags[0]?.program;
        echo.dir = fs.mkdtempSync(join(os.tmpdir(), 'sio-echo-'));
        echo.log = join(echo.dir, 'log');
        const program = other ? join(build, other) : echoProgram;
        echo.part = startPart(other ?? 'sio_echo', program, other ? [] : ['--port', '0', ...flags], { log: echo.log });
        await echo.part.ready(() => {
            echo.port = Number(echo.part.logText().match(/\{"port":(\d+)\}/)?.[1]);
            return echo.port > 0;
        });
        echo.url = `http://127.0.0.1:${echo.port}`;
        echo.clients = [];
        return echo;
    }

    // A stock client; not yet connected.
    client(options = {}, nsp = '') {
        const socket = io(this.url + nsp, { forceNew: true, reconnection: false, ...options });
        this.clients.push(socket);
        return socket;
    }

    async connect(options = {}, nsp = '') {
        const socket = this.client(options, nsp);
        await connected(socket);
        return socket;
    }

    // The server's counters (--kit).
    async stats() {
        const socket = await this.connect({ transports: ['websocket'] });
        const stats = await socket.timeout(60_000).emitWithAck('stats');
        socket.disconnect();
        return stats;
    }

    // Sudden death; nothing is left to stop.
    async kill() {
        for (const socket of this.clients) socket.disconnect();
        await this.die();
        fs.rmSync(this.dir, { recursive: true, force: true });
    }

    // The same, and its clients notice by themselves.
    async die() {
        this.part.child.kill('SIGKILL');
        await this.part.ended;
    }

    async stop() {
        for (const socket of this.clients) socket.disconnect();
        const { code, signal } = await this.part.stop();
        const log = this.part.logText();
        fs.rmSync(this.dir, { recursive: true, force: true });
        assert.equal(signal ?? code, 0, log);
        assert.doesNotMatch(log, /Sanitizer|runtime error/);
    }
}

// Its adapter reads the stream and hears the channels.
export const ready = (echo) => until(async () => (await echo.stats()).adapter.connected, 'the adapter');

export function connected(socket, seconds = 60) {
    return new Promise((resolve_, reject) => {
        if (socket.connected) return resolve_(socket);
        const timer = setTimeout(() => reject(new Error('not connected in time')), seconds * 1000);
        socket.once('connect', () => (clearTimeout(timer), resolve_(socket)));
        socket.once('connect_error', (error) => (clearTimeout(timer), reject(error)));
        return undefined;
    });
}

// The arguments of the next event of that name.
export function next(socket, event, seconds = 60) {
    return new Promise((resolve_, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${event} within ${seconds} s`)), seconds * 1000);
        socket.once(event, (...args) => (clearTimeout(timer), resolve_(args)));
    });
}

// A raw TCP conversation: sends bytes, gives back what came until `done` or the end.
export function raw(port, bytes, { done = () => false, seconds = 60 } = {}) {
    return new Promise((resolve_, reject) => {
        const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
        let got = Buffer.alloc(0);
        const end = (ended) => (clearTimeout(timer), socket.destroy(), resolve_({ got, text: got.toString('latin1'), ended }));
        const timer = setTimeout(() => end(false), seconds * 1000);
        socket.on('data', (d) => {
            got = Buffer.concat([got, d]);
            if (done(got.toString('latin1'))) end(false);
        });
        socket.on('close', () => end(true));
        socket.on('error', (error) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? end(true) : reject(error)));
    });
}

export { sleep, until };
