// Which demo runs from this folder: its process id with its start time, so that a number the kernel
// has given to another process since is never mistaken for it.
import fs from 'node:fs';

// Field 22 of /proc/PID/stat; the name before it may hold blanks and brackets.
export function startTime(pid) {
    try {
        const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
        return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    } catch {
        return null;
    }
}

export function remember(file, more = {}) {
    const { pid } = process;
    fs.writeFileSync(file, JSON.stringify({ pid, startTime: startTime(pid), ...more }));
}

// What remember() wrote when that process still runs, else null.
export function running(file) {
    if (!fs.existsSync(file)) return null;
    const note = JSON.parse(fs.readFileSync(file, 'utf8'));
    return startTime(note.pid) === note.startTime ? note : null;
}
