// Whether an event is the next one, one heard before, or comes after one that was missed.
//
// Rule: the number is the event's in the whole clinic; only `prev` of an audience one belongs to
// tells of a gap, because other numbers were for other people.
export interface Numbers {
    seq: number;
    prev: Record<string, number>; // by audience (a role, a user's id): the event it had before
}

export type Place = 'next' | 'again' | 'gap';

export class Sequence {
    private last = 0; // the highest number heard, 0 before the first

    constructor(private readonly audiences: () => string[]) {}

    // Everything was read afresh: whatever comes first is the next.
    reset() {
        this.last = 0;
    }

    place(numbers: Numbers | undefined): Place {
        if (!numbers?.seq) return 'next'; // of a sender that does not count
        if (numbers.seq <= this.last) return 'again';
        const before = Math.max(0, ...this.audiences().map((name) => numbers.prev[name] ?? 0));
        const gap = this.last > 0 && before > this.last;
        this.last = numbers.seq;
        return gap ? 'gap' : 'next';
    }
}
