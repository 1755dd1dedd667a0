// A stock socket.io-client that remembers every event it got.
//
// Rule: nothing here knows our server's inside; what works with it works with any client.
import { io } from 'socket.io-client';

import { sleep } from '../../tools/lib/process.mjs';

export class Listener {
    constructor(url, token, options = {}) {
        this.events = [];
        this.errors = [];
        this.disconnects = [];
        this.socket = io(url, { auth: { token }, forceNew: true, reconnection: false, ...options });
        this.socket.onAny((name, payload, numbers) => this.events.push({ name, payload, numbers, at: Date.now() }));
        this.socket.on('connect_error', (error) => this.errors.push(error));
        this.socket.on('disconnect', (reason) => this.disconnects.push(reason));
    }

    // Resolves when connected; rejects with the server's reason.
    connected(seconds = 60) {
        return new Promise((resolve, reject) => {
            if (this.socket.connected) return resolve(this);
            const timer = setTimeout(() => reject(new Error('not connected in time')), seconds * 1000);
            this.socket.once('connect', () => (clearTimeout(timer), resolve(this)));
            this.socket.once('connect_error', (error) => (clearTimeout(timer), reject(error)));
            return undefined;
        });
    }

    // The first event of that name (and matching `where`), now or within `seconds`.
    async next(name, { where = () => true, seconds = 60 } = {}) {
        const end = Date.now() + seconds * 1000;
        for (;;) {
            const found = this.events.find((e) => e.name === name && where(e.payload));
            if (found) return found;
            if (Date.now() > end) {
                const got = this.events.map((e) => e.name).join(', ') || 'nothing';
                throw new Error(`no ${name} within ${seconds} s; got ${got}`);
            }
            await sleep(10);
        }
    }

    close() {
        this.socket.disconnect();
    }
}
