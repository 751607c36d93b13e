import { boot, type Booted, type Sabotage } from "./boot.ts";
import { act, startProcess } from "./actions.ts";
import { check, type Violation } from "./checker.ts";
import { gather } from "./evidence.ts";
import { observe } from "./observer.ts";
import { type Faults, planOf } from "./plan.ts";
import { openScene, type Scene } from "./scene.ts";
import { SimProcess } from "./sim-process.ts";
import { type Stats, statsOf } from "./stats.ts";
import { START_MS } from "./world.ts";

export interface Options {
  readonly seed: string;
  /** Actions of the active part. Default 60. */
  readonly steps?: number;
  readonly sabotage?: Sabotage;
  /** Overrides what the seed says about what goes wrong. */
  readonly faults?: Partial<Faults>;
}

export interface Report {
  readonly seed: string;
  readonly steps: number;
  /** Of the history; the same for the same seed and steps. */
  readonly hash: string;
  readonly violations: readonly Violation[];
  readonly stats: Stats;
  /** Everything that happened, one line each. */
  readonly lines: () => string[];
}

export const DEFAULT_STEPS = 60;

/** How long all goes well before what is left is looked at, milliseconds. */
const CALM_MS = 600_000;

/** Looks of the last processes at what is left, and how many of them one process takes. */
const MOST_ROUNDS = 300;
/** From here on even doomed destinations are well: behind one that never answers, messages wait for very long. */
const DOOMED_ROUNDS = 100;
const ROUNDS_OF_ONE = 8;
/** Looks, an hour apart, at something that nobody will ever do anything about. */
const MOST_IDLE_ROUNDS = 24;
const ROUND_MS = 20_000;

/** Runs one simulation from beginning to end and checks what happened. */
export async function simulate({ seed, steps = DEFAULT_STEPS, sabotage = {}, faults }: Options): Promise<Report> {
  const plan = planOf(seed, steps, faults);
  await using scene = await openScene(plan, sabotage);
  const { world, history } = scene;
  for (let count = 0; count < plan.processes; count += 1) startProcess(scene);
  for (let step = 0; step < steps; step += 1) {
    await world.quiet();
    act(scene);
    await world.runUntil(world.nowMs + plan.random.wait(plan.paceMs));
  }
  await calm(scene);
  const stuck = await stuckIn(scene);
  await closeAll(scene);
  await finish(scene);
  const evidence = await gather(scene, stuck);
  const violations = check(evidence);
  return { seed, steps, hash: history.hash(), violations, stats: statsOf(evidence), lines: () => history.lines() };
}

/** Nothing goes wrong any more, but for destinations that never come back. */
async function calm(scene: Scene): Promise<void> {
  const { world, ground, plan, keys, inspector, documents, booted, history } = scene;
  history.add("world", { kind: "deed", deed: "calm", about: "" });
  for (const destination of plan.destinations) {
    if (destination.isDoomed) destination.mood = plan.random.pick(["fails", "rejects", "refuses", "limits"]);
    else destination.mood = "well";
  }
  keys.lostUntilMs = 0;
  for (const process of ground.processes) {
    process.faults.set(null);
    process.spare();
    process.clock.offsetMs = 0;
  }
  // Whatever holds the store lets go of it meanwhile.
  await world.runUntil(world.nowMs + 20_000);
  for (const row of documents.values()) await world.drive(inspector.blocks.insertDocument(row), "putting a block back");
  if (!booted.some(({ process }) => process.isWorking)) startProcess(scene);
  await world.runUntil(world.nowMs + CALM_MS);
}

/** Deliveries that a living process holds, and does nothing about. */
async function stuckIn({ inspector, ground, history, world }: Scene): Promise<readonly string[]> {
  const living = new Set(ground.processes.filter(({ isDead }) => !isDead).map(({ leaseId }) => leaseId));
  const sending = await world.drive(inspector.outbox.list({ status: ["sending"], limit: 200 }), "reading what is sent");
  const out = new Set<string>();
  const byAttempt = new Map<number, string>();
  for (const entry of history.entries) {
    if (entry.kind === "attempt") {
      out.add(entry.delivery);
      byAttempt.set(entry.attempt, entry.delivery);
    } else if (entry.kind === "answered") out.delete(byAttempt.get(entry.attempt) ?? "");
  }
  return sending
    .filter(({ id, leaseId, updatedAtMs }) => {
      const isOld = START_MS + world.nowMs - updatedAtMs > CALM_MS / 2;
      return isOld && leaseId !== null && living.has(leaseId) && !out.has(id);
    })
    .map(({ id }) => id);
}

async function closeAll({ booted, world }: Scene): Promise<void> {
  for (const one of booted) {
    const { isDead, isLeaving } = one.process;
    if (!isDead && !isLeaving) await world.drive(one.close(), `closing ${one.process.name}`, CALM_MS);
  }
}

/** A process sends the rest, however far in the future it is due; its machine sleeps between, and ends now and then. */
async function finish(scene: Scene): Promise<void> {
  const { world } = scene;
  let last: Booted | null = null;
  let idle = 0;
  for (let round = 0; round < MOST_ROUNDS && idle < MOST_IDLE_ROUNDS; round += 1) {
    if (round === DOOMED_ROUNDS) for (const destination of scene.plan.destinations) destination.mood = "well";
    const one: Booted = last ?? (await world.drive(bootLast(scene), "starting the last process", CALM_MS));
    await world.drive(one.sweeper.sweep(), "the last sweep", CALM_MS);
    await world.drive(one.dispatcher.drain({ deadlineMs: ROUND_MS }), "the last drain", CALM_MS);
    const isOver = round % ROUNDS_OF_ONE === ROUNDS_OF_ONE - 1;
    const { dueMs, isDone } = await world.drive(whatIsLeft(scene), "reading what is left");
    if (isOver || isDone) await world.drive(one.close(), "closing the last process", CALM_MS);
    if (isDone) return;
    last = isOver ? null : one;
    idle = dueMs === null ? idle + 1 : 0;
    world.skipTo(dueMs === null ? world.nowMs + HOUR_MS : Math.max(world.nowMs + 1_000, dueMs + LATE_MS));
  }
}

/** When there will be something to send, on the world's clock; null when nobody will. */
async function whatIsLeft({ inspector: { outbox, runs } }: Scene): Promise<{ dueMs: number | null; isDone: boolean }> {
  const due = await outbox.due();
  const sending = await outbox.list({ status: ["sending"], limit: 1 });
  const open = await runs.listHolders();
  const dueMs = due.length === 0 ? null : Math.min(...due.map(({ dueAtMs }) => dueAtMs - START_MS));
  return { dueMs, isDone: due.length + sending.length + open.length === 0 };
}

const HOUR_MS = 3_600_000;
/** The machine sleeps this much longer than it might, so that much is due when it wakes. */
const LATE_MS = 900_000;

function bootLast({ plan, world, history, ground }: Scene): Promise<Booted> {
  const name = `c${ground.processes.length + 1}`;
  const parts = { world, history, random: plan.random.fork(name), observer: observe(history) };
  const process = new SimProcess({ ...parts, name, host: "h0" });
  ground.processes.push(process);
  ground.sabotage.started?.(process, "");
  return boot(process, ground);
}
