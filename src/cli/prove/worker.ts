import { writeSync } from "node:fs";
import { armKillPoint } from "../../base/kill-points.ts";
import { registerClass } from "../../block/registry.ts";
import { loadConfig } from "../../config/load.ts";
import { readKillAt } from "../../config/prove-env.ts";
import { type Hub, openHub, withHub } from "../../hub.ts";
import { DESTINATION_NAMES } from "./destinations.ts";
import { runLoad } from "./load.ts";
import { type NoteBook, openNotes } from "./notes.ts";
import { seededRandom } from "./seeded.ts";
import { type ShiftedClock, shiftedClock } from "./shifted-clock.ts";
import { ProveSink } from "./sink-block.ts";
import type { WorkerPlan } from "./worker-plan.ts";

/** Said on standard output once the hub is open. */
export const READY = "ready";

const STDOUT = 1;

/** One process of the proof, from its start to its end; most never get there. */
export async function runWorker(planText: string, env: NodeJS.ProcessEnv): Promise<void> {
  // Written by the supervisor.
  const plan = JSON.parse(planText) as WorkerPlan;
  using notes = openNotes(plan.notesPath);
  const at = readKillAt(env);
  if (at !== null) armKillPoint({ ...at, onEnd: () => notes.killedAt(at.point) });
  const clock = shiftedClock({ offsetMs: plan.clockOffsetMs, rate: plan.clockRate });
  registerClass(ProveSink);
  const logLevel = env["BELLHOP_LOG_LEVEL"];
  // Nothing of the person's own settings but what helps to understand a failure.
  const config = loadConfig({
    flags: { home: plan.home, keychain: "off" },
    env: logLevel === undefined ? {} : { BELLHOP_LOG_LEVEL: logLevel },
  });
  const random = seededRandom(plan.seed);
  const pages = plan.storePages === null ? {} : { storePages: plan.storePages };
  await using hub = await openHub(config, { clock, random, ...pages });
  writeSync(STDOUT, READY);
  await withHub(hub, () => work(plan, { hub, clock, notes, random }));
}

interface Parts {
  readonly hub: Hub;
  readonly clock: ShiftedClock;
  readonly notes: NoteBook;
  readonly random: () => number;
}

async function work(plan: WorkerPlan, { hub, clock, notes, random }: Parts): Promise<void> {
  const { mode, sinkUrl, jump, flows, drainMs } = plan;
  if (mode === "open") return;
  if (mode === "save") {
    for (const name of DESTINATION_NAMES) await new ProveSink({ url: `${sinkUrl}/${name}` }).save(name);
    return;
  }
  using _jump = jump === null ? undefined : clock.timer(jump.afterMs, () => clock.jump(jump.byMs));
  if (mode === "work") await runLoad(flows, { random, notes });
  else await hub.sweep();
  await hub.drain({ deadlineMs: drainMs });
}
