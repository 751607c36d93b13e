// Works on a store, and says on file descriptor 1 what it asks for and what was acknowledged; see power-steps.ts. Its
// system calls are what the test of a loss of power plays back.
import { writeSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import type { DeliveryStatus } from "../../src/delivery/delivery.ts";
import type { Durability } from "../../src/store/sqlite/connect.ts";
import type { SqliteStore } from "../../src/store/sqlite/open.ts";
import { aChange, anAttempt, aFlowRun, aRequest, aSettlement, aState, aTaskRun } from "../support/store-records.ts";
import { claimedFact, deliveryFact, settledFact, stateFact, type Said } from "./power-steps.ts";
import { openSealedStore } from "./power-store.ts";

const [path = "", durability = ""] = process.argv.slice(2);

/** So that several writers share a transaction. */
const WRITERS = 3;
/**
 * Rounds of work for each opening of the store. The first ends with closing it, which moves the log into the file and
 * removes it; the second is long enough for a checkpoint, after which the log is written again from its beginning.
 */
const ROUNDS = [2, 22] as const;
const HOUR_MS = 3_600_000;
const HOOK = { index: 0, on: ["FAILED"], ref: "slack-webhook/ops", options: {} } as const;

// One write, at once: a stream might hold it back.
const say = (said: Said): void => void writeSync(1, `${JSON.stringify(said)}\n`);

let steps = 0;

/** Says what is about to be written, in the same turn in which `work` queues it. */
function begin(facts: readonly string[]): number {
  steps += 1;
  say({ step: steps, facts });
  return steps;
}

async function acknowledged<T>(facts: readonly string[], work: () => Promise<T>): Promise<T> {
  const step = begin(facts);
  const value = await work();
  say({ acknowledged: step });
  return value;
}

function recorded(facts: readonly string[], work: () => void): void {
  begin(facts);
  work();
}

const newState = (type: "PENDING" | "RUNNING" | "FAILED") => aState({ type, timestampMicros: systemClock.nowMicros() });

async function claimAndSettle(store: SqliteStore, destination: string, ids: readonly string[]): Promise<void> {
  const nowMs = systemClock.now();
  const request = { destination, leaseId: destination, nowMs, limit: ids.length };
  await acknowledged(ids.map(claimedFact), () => store.outbox.claim(request));
  const ends: readonly DeliveryStatus[] = ["delivered", "queued"];
  const settlements = ids.map((id, index) =>
    aSettlement(id, { attempt: anAttempt(id), to: ends[index] ?? "dead", nextAttemptAtMs: nowMs + HOUR_MS }),
  );
  await acknowledged(
    settlements.map(({ attempt, to }) => settledFact(attempt.deliveryId, to)),
    () => store.outbox.settle(settlements, destination),
  );
}

/** One run with a task, as the engine writes them; two deliveries come with its last state, and are sent. */
async function work(store: SqliteStore, destination: string): Promise<void> {
  const run = aFlowRun({ state: newState("PENDING") });
  await acknowledged([stateFact(run, run.state)], () => store.runs.commit(aChange(run, run.state, { hooks: [HOOK] })));

  const task = aTaskRun({ flowRunId: run.id, state: newState("RUNNING") });
  const [taskFailed, failed] = [newState("FAILED"), newState("FAILED")];
  recorded([stateFact(task, task.state)], () => store.runs.record(aChange(task)));
  recorded([stateFact(task, taskFailed)], () => store.runs.record(aChange(task, taskFailed)));

  const requests = [1, 2].map(() =>
    aRequest({ destination, flowRunId: run.id, stateId: failed.id, createdAtMs: systemClock.now() }),
  );
  const ids = requests.map((request) => request.id);
  await acknowledged([stateFact(run, failed), ...ids.map(deliveryFact)], () =>
    store.runs.commit(aChange(run, failed, { requests })),
  );
  await claimAndSettle(store, destination, ids);
}

async function live(rounds: number): Promise<SqliteStore> {
  // Given by the test that starts this.
  const store = await openSealedStore(path, durability as Durability);
  for (let round = 0; round < rounds; round += 1)
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => work(store, `slack-webhook/writer-${writer}`)));
  return store;
}

const first = await live(ROUNDS[0]);
await first[Symbol.asyncDispose]();
await live(ROUNDS[1]);
// Without closing, so that the log is left for the test to compare.
process.exit(0);
