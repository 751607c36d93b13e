import type { JsonObject } from "../../base/json.ts";
import type { Output } from "../output.ts";
import { facts, heading } from "../table.ts";
import type { BreachKind } from "./check.ts";
import type { FoundBreach, Proof } from "./proof.ts";

/** Breaches that are told one by one; the rest is in the folder. */
const SHOWN = 10;

export const isProven = ({ breaches, failures }: Proof): boolean => breaches.length === 0 && failures.length === 0;

const count = ({ breaches }: Proof, ...kinds: readonly BreachKind[]): number =>
  breaches.filter(({ kind }) => kinds.includes(kind)).length;

const dead = ({ dead: reasons }: Proof): number => Object.values(reasons).reduce((sum, each) => sum + each, 0);

const hitPoints = ({ points }: Proof): number => [...points.values()].filter((times) => times > 0).length;

/** One line, for programs. */
export const proofJson = (proof: Proof, seed: number): JsonObject => ({
  kills: proof.kills,
  enqueued: proof.enqueued,
  delivered: proof.delivered,
  lost: count(proof, "lost"),
  duplicated: proof.duplicated,
  uncertain: proof.uncertain,
  order_violations: count(proof, "order"),
  duplicated_unmarked: count(proof, "duplicated"),
  unowed: count(proof, "unowed"),
  unrecorded: count(proof, "unrecorded"),
  corrupt: count(proof, "corrupt"),
  suppressed: proof.suppressed,
  dead: proof.dead,
  attempts: proof.attempts,
  requests: proof.requests,
  latency_ms: proof.latencyMs,
  kill_points: Object.fromEntries(proof.points),
  kill_points_hit: hitPoints(proof),
  locked_stores: proof.locks,
  full_stores: proof.fullStores,
  wrong_clocks: proof.wrongClocks,
  failed_processes: proof.failures.length,
  stores: proof.stores,
  seconds: Math.round(proof.seconds),
  seed,
  home: proof.home,
  breaches: proof.breaches.slice(0, SHOWN).map(({ kind, id, detail, home }) => ({ kind, id, detail, home })),
  failures: proof.failures.slice(0, SHOWN),
  ok: isProven(proof),
});

/** The same for people. */
export function showProof(out: Output, proof: Proof, seed: number): void {
  const { latencyMs, points } = proof;
  const labelled = [...points.values()].reduce((sum, times) => sum + times, 0);
  facts(out, [
    ["killed", `${proof.kills}, ${labelled} of them at ${hitPoints(proof)} labelled points (of ${points.size})`],
    [
      "besides",
      `${proof.locks} locked stores, ${proof.fullStores} full ones, ${proof.wrongClocks} wrong clocks, ` +
        `${proof.stores} first openings`,
    ],
    ["enqueued", String(proof.enqueued)],
    ["attempts", `${proof.attempts}, ${proof.requests} of them reached the receiver`],
    ["delivered", String(proof.delivered)],
    ["given up", givenUp(proof)],
    ["suppressed", `${proof.suppressed}, overtaken by newer ones`],
    ["uncertain", String(proof.uncertain)],
    ["arrived twice", `${proof.duplicated}, ${count(proof, "duplicated")} of them unmarked`],
    ["lost", String(count(proof, "lost"))],
    ["out of order", String(count(proof, "order"))],
    [
      "latency",
      latencyMs === null
        ? null
        : `p50 ${latencyMs.p50} ms, p95 ${latencyMs.p95} ms, p99 ${latencyMs.p99} ms, most ${latencyMs.max} ms, deaths included`,
    ],
    ["time", `${Math.round(proof.seconds)} s`],
  ]);
  showBreaches(out, proof, seed);
  if (proof.home !== null) out.line(`\nThe stores are in ${proof.home}.`);
}

function givenUp(proof: Proof): string {
  const reasons = Object.entries(proof.dead).map(([reason, times]) => `${times} ${reason}`);
  return reasons.length === 0 ? "0" : `${dead(proof)} (${reasons.join(", ")})`;
}

function showBreaches(out: Output, proof: Proof, seed: number): void {
  const { breaches, failures } = proof;
  if (isProven(proof)) {
    out.line(`\n${out.paint.good("✓")} Nothing lost, nothing out of order, every repetition marked.`);
    return;
  }
  heading(out, "Broken promises");
  for (const { kind, id, detail } of breaches.slice(0, SHOWN))
    out.line(`${out.paint.bad("✗")} ${kind} ${id}: ${detail}`);
  for (const failure of failures.slice(0, SHOWN)) out.line(`${out.paint.bad("✗")} a process failed: ${failure}`);
  const [first] = breaches;
  out.line(
    `\nThe seed was ${seed}; the same things are done again with --seed ${seed}, though not at the same instants.`,
  );
  if (first !== undefined) out.line(whereToLook(first));
}

const whereToLook = ({ home, id }: FoundBreach): string =>
  `Look with: bellhop delivery inspect ${id} --home ${home}\nnotes.jsonl, received.jsonl and breaches.jsonl beside the store hold the histories.`;
