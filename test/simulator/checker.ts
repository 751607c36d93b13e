import type { Delivery } from "../../src/delivery/delivery.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import type { Evidence } from "./evidence.ts";
import { type Trace, traceOf, type Try } from "./trace.ts";

/** A promise of the product that a simulation saw broken. The numbers are those of the promises in the README. */
export interface Violation {
  readonly promise: 1 | 2 | 3 | 4 | 5 | 6 | 7;
  readonly what: string;
}

type Rule = (evidence: Evidence, trace: Trace) => Iterable<Violation>;

/** All that is broken, in order of the promises. */
export function check(evidence: Evidence): Violation[] {
  const trace = traceOf(evidence.entries);
  return RULES.flatMap((rule) => [...rule(evidence, trace)]);
}

const RULES: readonly Rule[] = [
  storedTogether,
  acknowledgedStays,
  everyOneEnds,
  oneAtATime,
  duplicatesAreUncertain,
  resultsStay,
  sendsAreRecorded,
  inOrder,
  onTime,
  hooksOfTheDead,
  noSecret,
  nothingVanishes,
];

/** The workload always waits before it tries again; going on after that wait is no decision of its own. */
const RETRYING = "AwaitingRetry";

const owes = (hook: DeclaredHook, state: { readonly type: string; readonly name: string }): boolean =>
  hook.on.some((type) => type === state.type) || (hook.retries === true && state.name === RETRYING);

/** Promise 1: a state is stored with exactly the deliveries that it owes, and none of them without it. */
function* storedTogether({ deliveries, runs, bursts }: Evidence): Generator<Violation> {
  const byKey = new Map(deliveries.map((delivery) => [delivery.dedupKey, delivery]));
  if (byKey.size < deliveries.length) yield { promise: 1, what: "two deliveries have one identity" };
  const owed = new Set<string>();
  for (const { states, hooks } of runs) {
    for (const { state } of states) {
      for (const hook of hooks.filter((one) => owes(one, state))) {
        const key = `${state.id}/${hook.index}/${hook.ref}`;
        owed.add(key);
        if (!byKey.has(key)) yield { promise: 1, what: `state ${state.name} (${state.id}) is stored without ${key}` };
      }
    }
  }
  for (const { isStored, requests } of bursts.values()) {
    for (const { dedupKey, id } of requests) {
      if (isStored) owed.add(dedupKey);
      if (isStored !== byKey.has(dedupKey))
        yield { promise: 1, what: isStored ? `a state is stored without ${id}` : `${id} is stored without its state` };
    }
  }
  for (const { dedupKey, stateId, origin } of deliveries) {
    const isMade = /^(fallback|alert|health)/.test(dedupKey);
    if (origin === "hook" && stateId !== null && !isMade && !owed.has(dedupKey))
      yield { promise: 1, what: `${dedupKey} is stored, and nothing owes it` };
  }
}

/** Promise 1: what was acknowledged is there; so is what a settlement asked for. */
function* acknowledgedStays({ entries, cells, deliveries }: Evidence): Generator<Violation> {
  const states = new Set(cells.filter(({ where }) => where === "states.id").map(({ text }) => text));
  const keys = new Set(deliveries.map(({ dedupKey }) => dedupKey));
  for (const entry of entries) {
    if (entry.kind === "stored-told" && !states.has(entry.state))
      yield { promise: 1, what: `state ${entry.state} was acknowledged and is not stored` };
    if (entry.kind === "asked" && !keys.has(entry.dedupKey))
      yield { promise: 1, what: `${entry.dedupKey} was asked for with a result and is not stored` };
  }
}

const FINAL: ReadonlySet<Delivery["status"]> = new Set(["delivered", "dead", "suppressed"] as const);

/** Promise 2: every delivery comes to an end, and no living process sits on one. */
function* everyOneEnds({ deliveries, stuck }: Evidence): Generator<Violation> {
  for (const { id, status, attempts, destination } of deliveries) {
    if (!FINAL.has(status))
      yield { promise: 2, what: `${id} to ${destination} is ${status} at the end, after ${attempts} attempts` };
  }
  for (const id of stuck) yield { promise: 2, what: `${id} is held by a living process that does nothing about it` };
}

/** The lease of one of them was taken away before the later one began. */
function wasTaken(earlier: Try, later: Try, { recoveries }: Trace): boolean {
  const between = (lease: string) => (recoveries.get(lease) ?? []).some((at) => at < later.at);
  return earlier.isStray || later.isStray || between(earlier.lease);
}

/** Promise 3: a delivery is in the hands of one process at a time, which makes one attempt at a time. */
function* oneAtATime(_: Evidence, trace: Trace): Generator<Violation> {
  for (const what of trace.wrongMoves) yield { promise: 3, what };
  for (const tries of trace.byDelivery.values()) {
    for (const [index, later] of tries.entries()) {
      for (const earlier of tries.slice(0, index)) {
        if (earlier.endsAt > later.at && !wasTaken(earlier, later, trace)) {
          const what = `${later.delivery}: attempt ${later.number} began while ${earlier.number} was out`;
          yield { promise: 3, what };
        }
      }
    }
  }
}

/** Promise 3: only an uncertain delivery may have arrived twice, and each time under its own key. */
function* duplicatesAreUncertain({ deliveries }: Evidence, { byDelivery }: Trace): Generator<Violation> {
  for (const { id, uncertain, status } of deliveries) {
    const taken = (byDelivery.get(id) ?? []).flatMap(({ accepted }) => accepted);
    if (taken.length > 1 && !uncertain)
      yield { promise: 3, what: `${id} arrived ${taken.length} times and is not uncertain` };
    for (const { key } of taken) {
      if (key !== id) yield { promise: 3, what: `${id} was sent under the key ${key}` };
    }
    if (status === "delivered" && taken.length === 0)
      yield { promise: 3, what: `${id} is delivered and never arrived` };
  }
}

/** Promise 3 and 7: a result that was acknowledged is on the record, with its number and outcome. */
function* resultsStay({ entries, attempts }: Evidence): Generator<Violation> {
  for (const entry of entries) {
    if (entry.kind !== "settled-told") continue;
    const { delivery, number, outcome } = entry;
    const kept = attempts.get(delivery)?.some((one) => one.number === number && one.outcome.kind === outcome);
    if (kept !== true)
      yield { promise: 7, what: `${delivery}: the result of attempt ${number} was acknowledged and is gone` };
  }
}

/** Promise 7: what arrived is on the record as an attempt, also where its process did not live to write that. */
function* sendsAreRecorded({ attempts }: Evidence, { byDelivery }: Trace): Generator<Violation> {
  for (const [id, tries] of byDelivery) {
    const arrived = tries.filter(({ accepted }) => accepted.length > 0).length;
    const recorded = attempts.get(id)?.length ?? 0;
    if (arrived > recorded)
      yield { promise: 7, what: `${id} arrived by ${arrived} attempts, and ${recorded} are on record` };
  }
}

/** Promise 4: what is about one subject arrives at one destination in the order of arrival in the store. */
function* inOrder({ deliveries }: Evidence, { byDelivery, replayed }: Trace): Generator<Violation> {
  const lines = new Map<string, { readonly id: string; readonly at: number }>();
  for (const { id, destination, subject } of deliveries) {
    if (replayed.has(id)) continue;
    const tries = byDelivery.get(id) ?? [];
    // What a process sends that was taken for dead neither helps nor harms.
    if (tries.some(({ isStray }) => isStray)) continue;
    const arrivals = tries.flatMap(({ accepted }) => accepted.map((one) => one.at));
    if (arrivals.length === 0) continue;
    const at = Math.min(...arrivals);
    const line = `${destination} ${subject}`;
    const before = lines.get(line);
    if (before !== undefined && before.at > at)
      yield { promise: 4, what: `${id} arrived at ${destination} before ${before.id}, which is older` };
    if (before === undefined || before.at < at) lines.set(line, { id, at });
  }
}

/** A destination whose attempt hangs keeps its place for so long, and others look for one so often. */
const PLACE_MS = 1_300;
const USUAL_MS = 1_000;

/** Promise 4: where all is well, a message leaves soon, whatever the others do. */
function* onTime({ plan, entries, deliveries }: Evidence, { byDelivery }: Trace): Generator<Violation> {
  const { destinations: isOnly, ...others } = plan.faults;
  if (!isOnly || Object.values(others).some(Boolean)) return;
  const steady = new Set(plan.destinations.filter(({ isSteady }) => isSteady).map(({ ref }) => ref));
  const unsteady = plan.destinations.length - steady.size;
  const boundMs = USUAL_MS + Math.ceil(unsteady / plan.concurrency) * PLACE_MS;
  const byId = new Map(deliveries.map((delivery) => [delivery.id, delivery]));
  for (const entry of entries) {
    if (entry.kind !== "stored") continue;
    for (const id of entry.deliveries) {
      const [first] = byDelivery.get(id) ?? [];
      if (!steady.has(byId.get(id)?.destination ?? "") || first === undefined) continue;
      const waitedMs = first.startMs - entry.atMs;
      if (waitedMs > boundMs)
        yield { promise: 4, what: `${id} waited ${Math.round(waitedMs)} ms for its first attempt` };
    }
  }
}

/** Promise 5: every run that began has ended, once, and what its end owes was stored; see also promise 1. */
function* hooksOfTheDead({ runs }: Evidence): Generator<Violation> {
  for (const { run, states } of runs) {
    if (run === null) continue;
    const ends = states.filter(({ state }) => ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"].includes(state.type));
    if (!run.state.isFinal()) yield { promise: 5, what: `run ${run.id} is ${run.state.name} at the end` };
    if (ends.length > 1) yield { promise: 5, what: `run ${run.id} ended ${ends.length} times` };
  }
}

/** Promise 6: the secret is in no log line and nowhere in the store. */
function* noSecret({ logs, cells, secret, deliveries, events }: Evidence): Generator<Violation> {
  for (const { message, fields } of logs) {
    if (`${message} ${JSON.stringify(fields)}`.includes(secret))
      yield { promise: 6, what: `the secret is in a log line: ${message}` };
  }
  for (const { where, text } of cells) {
    if (text.includes(secret)) yield { promise: 6, what: `the secret is in ${where}` };
  }
  for (const { id, payload } of deliveries) {
    if (JSON.stringify(payload).includes(secret)) yield { promise: 6, what: `the secret is in the message ${id}` };
  }
  for (const { event, payload } of events) {
    if (JSON.stringify(payload).includes(secret)) yield { promise: 6, what: `the secret is in an event ${event}` };
  }
}

/** Promise 7: what was not delivered says why, and what was given up has raised its event. */
function* nothingVanishes({ deliveries, events }: Evidence): Generator<Violation> {
  const raised = new Set(
    events
      .filter(({ event }) => event === "bellhop.delivery.dead")
      .map(({ payload }) => String(payload["delivery_id"])),
  );
  for (const { id, status, reason, detail, origin } of deliveries) {
    if ((status === "dead" || status === "suppressed") && (reason === null || (detail ?? "") === ""))
      yield { promise: 7, what: `${id} is ${status} and does not say why` };
    if (status === "dead" && origin === "hook" && !raised.has(id))
      yield { promise: 7, what: `${id} was given up and raised no event` };
  }
}
