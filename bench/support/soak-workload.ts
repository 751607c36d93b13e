import { setTimeout as sleep } from "node:timers/promises";
import { SystemExit } from "../../src/engine/interruption.ts";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";
import { Failed } from "../../src/states/constructors.ts";

/** Numbers in [0, 1) that are the same for the same seed. Source: "mulberry32", Tommy Ettinger, public domain. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ways for a body to end, with how often each comes up. */
const FAULTS = {
  returns: 60,
  throws: 8,
  rejects: 8,
  "returns-failed": 4,
  "throws-no-error": 2,
  "times-out": 3,
  "times-out-blocked": 2,
  exits: 1,
} as const;
type Fault = keyof typeof FAULTS;
const ALL_FAULTS = Object.entries(FAULTS).flatMap(([fault, weight]) =>
  // The keys are those of the table above.
  Array.from({ length: weight }, () => fault as Fault),
);

/** Seconds; far more than an undisturbed body takes. */
const TIME_LIMIT = 0.004;

const block = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

async function end(fault: Fault): Promise<unknown> {
  switch (fault) {
    case "returns":
      return fault;
    case "throws":
    case "rejects":
      await (fault === "rejects" ? sleep(0) : undefined);
      throw new Error(fault);
    case "throws-no-error":
      throw null;
    case "returns-failed":
      return Failed({ message: fault });
    case "times-out":
      return sleep(TIME_LIMIT * 3_000);
    case "times-out-blocked":
      block(TIME_LIMIT * 1_500);
      return fault;
    case "exits":
      throw new SystemExit(fault);
  }
}

const nothing = (): void => undefined;
const throwing = (): never => {
  throw new Error("hook");
};

const options = { onRunning: [nothing], onCompletion: [throwing], onFailure: [async () => sleep(0), throwing] };
const fast = task({ name: "fast", ...options }, end);
const limited = task({ name: "limited", timeoutSeconds: TIME_LIMIT, ...options }, end);
const retried = task({ name: "retried", retries: 2, ...options }, end);
const delayed = task({ name: "delayed", retries: 1, retryDelaySeconds: 0.002 }, end);

/** Starts flow runs that end in every way a run can end within a living process. */
export function soakWorkload(random: () => number): () => Promise<void> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

  const callTask = (): Promise<unknown> => {
    const fault = pick(ALL_FAULTS);
    const tried = fault.startsWith("times-out") ? limited : pick([fast, fast, fast, retried, delayed]);
    return tried.run([fault], { returnState: random() < 0.5 });
  };

  const body = async (depth: number): Promise<void> => {
    const calls = 1 + Math.floor(random() * 8);
    for (let index = 0; index < calls; index += 1) {
      const call = depth < 2 && random() < 0.1 ? nested(depth + 1) : callTask();
      // Most bodies catch what goes wrong, also what they should not catch.
      await (random() < 0.9 ? call.catch(nothing) : call);
    }
    if (random() < 0.05) await Promise.all([callTask().catch(nothing), callTask().catch(nothing)]);
  };
  const nested = flow({ name: "soak", retries: 0, onCrashed: [nothing], onFailure: [throwing] }, body);
  const retriedFlow = nested.withOptions({ name: "soak-retried", retries: 1 });
  const limitedFlow = nested.withOptions({ name: "soak-limited", timeoutSeconds: TIME_LIMIT });

  return async () => {
    const chosen = pick([nested, nested, nested, retriedFlow, limitedFlow]);
    if (random() >= 0.1) {
      await chosen(0).catch(nothing);
      return;
    }
    const controller = new AbortController();
    const called = chosen.run([0], { signal: controller.signal }).catch(nothing);
    await sleep(random() * 4);
    controller.abort(new Error("aborted by the caller"));
    await called;
  };
}
