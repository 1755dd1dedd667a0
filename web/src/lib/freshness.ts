// Whether the screen shows all that happened, and what is said of it.
//
// Rule: something missed stays missed until everything was read again while connected; no
// connection, restored or not, makes `behind` false.

// stale: connected, but something was missed and is being read again.
export type LiveState = 'off' | 'connecting' | 'live' | 'stale' | 'lost';

export class Freshness {
    private behind = false;
    private connected = false;
    private turn = 0; // the latest reading: it has the last word

    // `say` hears each new state.
    constructor(private readonly say: (state: LiveState) => void) {}

    private tell() {
        this.say(!this.connected ? 'lost' : this.behind ? 'stale' : 'live');
    }

    // True: everything must be read again. What a restored connection missed comes as events.
    connect(recovered: boolean): boolean {
        this.connected = true;
        if (!recovered) this.behind = true;
        this.tell();
        return this.behind;
    }

    lose() {
        this.connected = false;
        this.tell();
    }

    // Events were lost for good: what is being read may be from before that.
    miss() {
        this.behind = true;
        this.turn++;
        this.tell();
    }

    // A reading of everything begins; the answer is for `read`.
    reading(): number {
        this.miss();
        return this.turn;
    }

    // That reading ended. True: it was the latest, the connection stands, and not all could be
    // read, so it must be tried again.
    read(turn: number, all: boolean): boolean {
        if (!this.isLatest(turn)) return false;
        if (all) this.behind = false;
        this.tell();
        return !all;
    }

    // Whether it still counts: nothing newer was begun, and the connection is not lost.
    isLatest(turn: number): boolean {
        return turn === this.turn && this.connected;
    }
}
