// Computes each triage score again from its own explanation, with none of the engine's code.
//   nexacore triage score --explain < patients.jsonl | node tools/triage_recompute.mjs
// Rule: it reads only the JSON. Exit 1 and one line per result that does not follow from its reasons.
import { pathToFileURL } from 'node:url';
import readline from 'node:readline';

export function recompute(reasons) {
  const sorted = reasons.map((reason, at) => ({ ...reason, at }))
    .sort((a, b) => b.points - a.points || b.floor - a.floor || a.at - b.at);
  let rem = 100, floor = 0, strongest = 0, first = true;
  const counted = new Set();
  for (const r of sorted) {
    floor = Math.max(floor, r.floor);
    if (!r.counted) continue;
    if (counted.has(r.group)) throw new Error(`group ${r.group} counted twice`);
    counted.add(r.group);
    const points = first ? r.points : Math.trunc(r.points / 3);
    if (first) strongest = r.points;
    rem = Math.trunc((rem * (100 - points) + 50) / 100);
    first = false;
  }
  let score = 100 - rem;
  if (strongest < 60 && floor < 60) score = Math.min(score, 59);
  return Math.max(score, floor);
}

export const levelOf = score =>
  score >= 85 ? 'CRITICAL' : score >= 60 ? 'URGENT' : score >= 30 ? 'MODERATE' : 'LOW';

async function main() {
  let wrong = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { id, triage } = JSON.parse(line);
    const score = recompute(triage.reasons);
    if (score === Math.round(triage.score * 100) && levelOf(score) === triage.level) continue;
    console.error(`${id}: says ${triage.score} ${triage.level}, reasons give ${score / 100}`);
    wrong++;
  }
  process.exit(wrong ? 1 : 0);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
