import { errorCode } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import { redact } from "../../src/base/redactor.ts";
import { requestsOf } from "../../src/engine/move-flow-run.ts";
import { advanceFlowRun } from "../../src/orchestration/bookkeeping.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { FlowRunRecord } from "../../src/runs/flow-run.ts";
import { AwaitingRetry, Completed, Failed, Retrying, Running } from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { flowRun } from "../delivery/rig.ts";
import type { Booted } from "./boot.ts";
import type { Seeded } from "./seeded.ts";

/** What the simulation asked for, beside what the history says. */
export interface Asked {
  /** Deliveries stored without hooks, by the state that they were stored with. */
  readonly bursts: Map<string, readonly DeliveryRequest[]>;
  /** Declarative hooks of each run that was begun. */
  readonly hooks: Map<string, readonly DeclaredHook[]>;
}

export interface WorkParts {
  readonly random: Seeded;
  readonly refs: readonly string[];
  readonly secret: string;
  readonly asked: Asked;
}

const RETRY_MS = 200;

const EVENTS: readonly DeclaredHook["on"][] = [
  ["FAILED", "CRASHED"],
  ["CRASHED"],
  ["COMPLETED"],
  ["FAILED"],
  ["RUNNING"],
  ["RUNNING", "FAILED", "CRASHED", "COMPLETED"],
];

function hooksFor({ random, refs }: WorkParts): DeclaredHook[] {
  return Array.from({ length: random.int(1, 3) }, (_, index): DeclaredHook => {
    const on = random.pick(EVENTS);
    const expiresInMs = random.chance(0.1) ? { expiresInMs: random.int(1_000, 120_000) } : {};
    return {
      index,
      on,
      ref: random.pick(refs),
      options: expiresInMs,
      ...(random.chance(0.3) ? { retries: true } : {}),
    };
  });
}

/** A flow run as the engine drives one: each state is stored with what it owes, and stored again until it is. */
class Conduct {
  readonly #booted: Booted;
  readonly #parts: WorkParts;
  readonly #hooks: readonly DeclaredHook[];
  #run: FlowRunRecord;

  constructor(booted: Booted, parts: WorkParts) {
    this.#booted = booted;
    this.#parts = parts;
    this.#hooks = hooksFor(parts);
    const { process } = booted;
    this.#run = flowRun({ createdMicros: process.clock.nowMicros(), leaseId: process.leaseId });
    parts.asked.hooks.set(this.#run.id, this.#hooks);
  }

  async run(): Promise<void> {
    const { random } = this.#parts;
    const { clock } = this.#booted.process;
    if (!(await this.#enter(null, Running()))) return;
    for (let retries = random.int(0, 3); retries > 1; retries -= 1) {
      await clock.sleep(random.wait(3_000));
      if (!(await this.#enter(this.#run.state, AwaitingRetry({ scheduledTime: new Date(clock.now() + 500) })))) return;
      await clock.sleep(500);
      if (!(await this.#enter(this.#run.state, Retrying()))) return;
    }
    await clock.sleep(random.wait(8_000));
    // Some never end by themselves.
    if (random.chance(0.15)) return;
    if (random.chance(0.3)) await this.#enter(this.#run.state, Completed());
    else {
      const error = new Error(`login with ${this.#parts.secret} failed`);
      await this.#enter(this.#run.state, Failed({ message: redact(error.message) }), error);
    }
  }

  /** False when somebody else has ended the run. */
  async #enter(from: State | null, to: State, error?: Error): Promise<boolean> {
    const { process, runs, listeners } = this.#booted;
    const { clock, log } = process;
    const timestampMicros = Math.max(clock.nowMicros(), (from?.timestampMicros ?? 0) + 1);
    acceptState(to, { timestampMicros, flowRunId: this.#run.id, taskRunId: null });
    const books = from === null ? {} : advanceFlowRun(this.#run, from, to);
    const run: FlowRunRecord = { ...this.#run, ...books, state: to, leaseId: to.isFinal() ? null : process.leaseId };
    const move = { object: null, run, flowRun: null, from, to, declared: this.#hooks, error };
    const requests = requestsOf({ listeners, log }, move);
    const change = { run, state: to, follows: from?.id ?? null, requests };
    for (;;) {
      try {
        await runs.commit(from === null ? { ...change, hooks: this.#hooks } : change);
        this.#run = run;
        return true;
      } catch (thrown) {
        const code = errorCode(thrown);
        if (code === "run_superseded" || code === "run_moved") return false;
      }
      await clock.sleep(RETRY_MS);
    }
  }
}

/** Begins a run in this process. It ends when it ends, or with its process. */
export function startRun(booted: Booted, parts: WorkParts): void {
  // Rejects only for a bug of the simulation, which must show.
  void new Conduct(booted, parts).run();
}

const SEVERITIES = ["info", "success", "warning", "error", "critical"] as const;

/** Stores many deliveries with one state, as a service does that moves many runs; several are about the same subject. */
export function startBurst(booted: Booted, parts: WorkParts, size: number): void {
  const { random, refs, secret, asked } = parts;
  const { clock } = booted.process;
  const run = flowRun({ leaseId: null, createdMicros: clock.nowMicros() });
  const nowMs = clock.now();
  const coalesces = random.chance(0.2);
  const requests = Array.from({ length: size }, (_, index): DeliveryRequest => {
    const payload = { title: `message ${index}`, body: redact(`about ${secret}`) };
    return {
      id: newId(),
      dedupKey: `${run.state.id}/${index}`,
      destination: random.pick(refs),
      subject: `flow-run/${run.id}/${random.int(0, Math.ceil(size / 3))}`,
      severity: random.pick(SEVERITIES),
      flowRunId: run.id,
      taskRunId: null,
      stateId: run.state.id,
      payload,
      createdAtMs: nowMs,
      expiresAtMs: random.chance(0.05) ? nowMs + random.int(500, 60_000) : null,
      coalesce: coalesces ? "latest" : null,
    };
  });
  asked.bursts.set(run.state.id, requests);
  const store = async (): Promise<void> => {
    for (;;) {
      try {
        await booted.runs.commit({ run, state: run.state, follows: null, requests });
        return;
      } catch {
        // Stored again until it is; a state is stored once.
        await clock.sleep(RETRY_MS);
      }
    }
  };
  void store();
}
