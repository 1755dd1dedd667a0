// What a client does with the second argument of a live event, as the API description says it.
//
// Rule: written from the contract, apart from the page's own code, so that both are held to it.
export class Numbers {
    constructor(account) {
        this.audiences = [account.role, account.userId];
        this.last = 0;
    }

    // 'next', 'again' (heard before) or 'gap' (something before it is missing).
    place({ seq, prev }) {
        if (seq <= this.last) return 'again';
        const gap = this.last > 0 && this.audiences.some((name) => prev[name] > this.last);
        this.last = seq;
        return gap ? 'gap' : 'next';
    }
}
