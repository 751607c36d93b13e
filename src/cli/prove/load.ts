import { systemClock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { flow } from "../../flow.ts";
import { notify } from "../../hooks/notify.ts";
import type { State } from "../../states/state.ts";
import { task } from "../../task.ts";
import { DESTINATION_NAMES, refOf } from "./destinations.ts";
import type { NoteBook } from "./notes.ts";
import { between, shuffled } from "./seeded.ts";

const RETRY_SECONDS = 0.02;
/** Longest step of a flow, milliseconds. */
const STEP_MS = 15;
/** A flow that is likely to be under way when its process ends, milliseconds. */
const LINGER_MS = 500;
const PARALLEL = 6;

type Kind = "completes" | "fails" | "retries" | "tasks" | "nested" | "lingers";

/** Weighted by how often they are named. */
const KINDS: readonly Kind[] = [
  "completes",
  "completes",
  "completes",
  "fails",
  "fails",
  "retries",
  "retries",
  "tasks",
  "nested",
  "lingers",
];

interface Load {
  readonly random: Random;
  readonly notes: NoteBook;
}

/** Those that flows and tasks have in common. Every event is told to one or two destinations, and written down as soon as the engine says that it is stored. */
function hooks({ random, notes }: Load) {
  const refs = shuffled(random, DESTINATION_NAMES)
    .slice(0, between(random, 1, 2))
    .map(refOf);
  const note = (_object: unknown, _run: unknown, { id: stateId }: State): void =>
    notes.acknowledge({ stateId, refs, atMs: systemClock.now() });
  const list = [note, ...refs.map((ref) => notify(ref))];
  return { onRunning: list, onRetry: list, onCompletion: list, onFailure: list };
}

function flowHooks(load: Load) {
  const common = hooks(load);
  return { ...common, onCancellation: common.onFailure, onCrashed: common.onFailure };
}

/** Runs so many flows, some at a time. What happens to them is not its business. */
export async function runLoad(count: number, load: Load): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      // Failing is what some of them are for, and a store that refuses is part of the proof.
      await one(load).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
}

async function one(load: Load): Promise<void> {
  const { random } = load;
  const kind = KINDS[between(random, 0, KINDS.length - 1)] ?? "completes";
  const step = (): Promise<void> => systemClock.sleep(random() * STEP_MS);
  const name = `prove-${kind}`;
  let attempts = 0;
  const bodies: Readonly<Record<Kind, () => Promise<void>>> = {
    completes: step,
    fails: async () => {
      await step();
      throw new Error("fails by plan");
    },
    retries: async () => {
      attempts += 1;
      await step();
      if (attempts === 1) throw new Error("fails once by plan");
    },
    tasks: async () => {
      const stepTask = task({ name: "prove-step", ...hooks(load) }, step);
      await stepTask();
      await stepTask();
    },
    nested: async () => {
      const inner = flow({ name: "prove-inner", ...flowHooks(load) }, step);
      await inner();
    },
    lingers: () => systemClock.sleep(LINGER_MS),
  };
  const retries = kind === "retries" ? { retries: 1, retryDelaySeconds: RETRY_SECONDS } : {};
  await flow({ name, ...retries, ...flowHooks(load) }, bodies[kind])();
}
