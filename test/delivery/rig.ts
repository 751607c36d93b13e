import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "../../src/base/ids.ts";
import type { Logger } from "../../src/base/logger.ts";
import type { Random } from "../../src/base/random.ts";
import type { RateLimit, RetryProfileName } from "../../src/channel/channel.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import type { SendResult } from "../../src/channel/transport.ts";
import type { Deliver, OpenDestination } from "../../src/delivery/attempt.ts";
import type { Delivery } from "../../src/delivery/delivery.ts";
import { type Dispatcher, type DispatcherParts, startDispatcher } from "../../src/delivery/dispatcher.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { FlowRunRecord } from "../../src/runs/flow-run.ts";
import { Running } from "../../src/states/constructors.ts";
import { acceptState } from "../../src/states/state.ts";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/open.ts";
import { ManualClock } from "../support/manual-clock.ts";

/** The same numbers in every run of a test. */
export function seededRandom(seed = 1): Random {
  let state = seed >>> 0;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what is logged, for tests that ask. */
export function memoryLog(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void lines.push({ level, message, fields });
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export const DELIVERED: Outcome = { kind: "delivered" };
export const SERVER_ERROR: Outcome = { kind: "retry", reason: "server", detail: "500", ambiguous: false };
export const NO_ANSWER: Outcome = { kind: "retry", reason: "timeout", detail: "no answer", ambiguous: true };
export const rateLimited = (afterMs: number): Outcome => ({
  kind: "retry",
  reason: "rate-limited",
  detail: "429",
  afterMs,
  ambiguous: false,
});

export interface Sent {
  readonly id: string;
  readonly destination: string;
  readonly subject: string;
  readonly attempt: number;
  readonly atMs: number;
  /** Name of the dispatcher that sent it. */
  readonly by: string;
}

export type Answer = (sent: Sent, signal: AbortSignal) => Outcome | Promise<Outcome>;

/** A way out that records what it is given and answers as the test says. */
export function scriptedDeliver(
  clock: ManualClock,
  sent: Sent[],
  options: {
    answer?: Answer;
    by?: string;
    profile?: RetryProfileName;
    rate?: RateLimit | null;
    /** What else is said of a destination when it is opened. */
    handling?: (destination: string) => Partial<OpenDestination>;
  } = {},
): Deliver {
  const { answer = () => DELIVERED, by = "one", profile = "chat", rate = null, handling = () => ({}) } = options;
  const attempt = async (delivery: Delivery, signal: AbortSignal): Promise<SendResult> => {
    const { id, destination, subject, attempts } = delivery;
    const entry: Sent = { id, destination, subject, attempt: attempts + 1, atMs: clock.now(), by };
    sent.push(entry);
    return { outcome: await untilAborted(answer(entry, signal), signal), durationMs: 0, status: null };
  };
  return { open: (destination) => Promise.resolve({ profile, rate, attempt, ...handling(destination) }) };
}

/** What the transport does with an attempt that is broken off while it waits for its answer. */
async function untilAborted(answer: Outcome | Promise<Outcome>, signal: AbortSignal): Promise<Outcome> {
  const broken = Promise.withResolvers<Outcome>();
  const onAbort = () => broken.resolve({ kind: "retry", reason: "cancelled", detail: "aborted", ambiguous: true });
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([answer, broken.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

export interface Rig extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly store: SqliteStore;
  readonly outbox: OutboxStore;
  readonly log: ReturnType<typeof memoryLog>;
  /** Every attempt that reached the wire, in order. */
  readonly sent: Sent[];
  readonly path: string;
  /** Starts a dispatcher; closed with the rig. */
  start(options?: Partial<DispatcherParts> & Parameters<typeof scriptedDeliver>[2]): Dispatcher;
  /** Stores deliveries with a state change, as a hook does. Returns their ids. */
  enqueue(...wanted: readonly Wanted[]): Promise<string[]>;
  read(id: string | undefined): Promise<Delivery>;
}

export type Wanted = Partial<
  Pick<DeliveryRequest, "destination" | "subject" | "expiresAtMs" | "payload" | "severity" | "id">
>;

/** A SQLite store of its own in a temporary folder, a manual clock and a scripted way out. */
export async function openRig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), "bellhop-delivery-"));
  const path = join(folder, "bellhop.db");
  const clock = new ManualClock();
  const log = memoryLog();
  const store = await openSqliteStore({ path, clock, random: seededRandom(), log, durability: "normal" });
  const sent: Sent[] = [];
  const dispatchers: Dispatcher[] = [];
  return {
    clock,
    store,
    outbox: store.outbox,
    log,
    sent,
    path,
    start(options = {}) {
      const { answer, by, profile, rate, handling, ...parts } = options;
      const script = {
        ...(answer && { answer }),
        ...(by && { by }),
        ...(profile && { profile }),
        ...(rate && { rate }),
        ...(handling && { handling }),
      };
      const deliver = scriptedDeliver(clock, sent, script);
      const defaults = { outbox: store.outbox, deliver, clock, random: seededRandom(7), leaseId: newId(), log };
      const dispatcher = startDispatcher({ ...defaults, ...parts });
      dispatchers.push(dispatcher);
      return dispatcher;
    },
    enqueue: (...wanted) => enqueueInto(store, clock, wanted),
    async read(id) {
      const delivery = id === undefined ? null : await store.outbox.read(id);
      if (delivery === null) throw new Error(`no delivery ${id}`);
      return delivery;
    },
    async [Symbol.asyncDispose]() {
      await finish(Promise.all(dispatchers.map((dispatcher) => dispatcher[Symbol.asyncDispose]())), clock);
      await store[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for work that needs time to pass. */
export async function finish<T>(work: PromiseLike<T>, clock: ManualClock): Promise<T> {
  const progress = { done: false };
  const marked = Promise.resolve(work).finally(() => (progress.done = true));
  // Awaited below; only the loop must not see it as unhandled.
  marked.catch(() => undefined);
  while (!progress.done) {
    await clock.settle(20);
    if (!progress.done && clock.nextDueMs !== null) await clock.advance(clock.nextDueMs);
  }
  return marked;
}

export async function enqueueInto(
  store: SqliteStore,
  clock: ManualClock,
  wanted: readonly Wanted[],
): Promise<string[]> {
  const run = flowRun({ leaseId: null, createdMicros: clock.nowMicros() });
  const requests = wanted.map((want, index): DeliveryRequest => ({
    id: newId(),
    dedupKey: `${run.state.id}/${index}`,
    destination: "test/a",
    subject: `flow-run/${run.id}/${index}`,
    severity: "error",
    flowRunId: run.id,
    taskRunId: null,
    stateId: run.state.id,
    payload: { title: "t", body: "b" },
    createdAtMs: clock.now(),
    expiresAtMs: null,
    ...want,
  }));
  await store.runs.commit({ run, state: run.state, follows: null, requests });
  return requests.map((request) => request.id);
}

export function flowRun(fields: Partial<FlowRunRecord> = {}): FlowRunRecord {
  const id = fields.id ?? newId();
  const state = Running();
  const createdMicros = fields.createdMicros ?? 1_767_225_600_000_000;
  acceptState(state, { timestampMicros: createdMicros, flowRunId: id, taskRunId: null });
  return {
    kind: "flow-run",
    id,
    name: "keen-otter",
    flowName: "nightly",
    flowVersion: null,
    parameters: {},
    tags: [],
    labels: {},
    state,
    runCount: 1,
    expectedStartMicros: createdMicros,
    nextScheduledStartMicros: null,
    startMicros: createdMicros,
    endMicros: null,
    totalRunTimeMicros: 0,
    createdMicros,
    parentTaskRunId: null,
    parentFlowRunId: null,
    empiricalPolicy: {},
    leaseId: null,
    ...fields,
  };
}
