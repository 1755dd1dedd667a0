// Icons as SVG elements, drawn in the colour of their text.
//
// Rule: an icon never stands alone: text is beside it, or the button has an aria-label.
import type { Urgency } from '../lib/types';

const PATHS = {
    CRITICAL: 'M8.2 2h7.6L22 8.2v7.6L15.8 22H8.2L2 15.8V8.2zM12 7v6M12 16.5v.5',
    URGENT: 'M12 3 22 20.5H2zM12 9.5v5M12 17.2v.3',
    MODERATE: 'M12 2.5 21.5 12 12 21.5 2.5 12zM12 8v5M12 15.7v.3',
    LOW: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8v.3M12 11.5V16',
    check: 'M4.5 12.5l5 5 10-11',
    up: 'M12 20V4M5.5 10.5 12 4l6.5 6.5',
    close: 'M6 6l12 12M18 6 6 18',
    upload: 'M12 16V4M7 8.5 12 4l5 4.5M4 15.5V20h16v-4.5',
    camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11.5H4zM12 10.2a3.4 3.4 0 1 0 0 6.8 3.4 3.4 0 0 0 0-6.8z',
    eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z',
    bell: 'M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15zM10 21h4',
    card: 'M3 6h18v12H3zM3 10h18M6.5 14.5h4',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName | Urgency }) {
    return (
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d={PATHS[name]} />
        </svg>
    );
}
