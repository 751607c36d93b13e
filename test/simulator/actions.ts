import { DatabaseSync } from "node:sqlite";
import type { StoreError } from "./faults.ts";
import { boot, type Booted } from "./boot.ts";
import { BAD_MOODS } from "./network.ts";
import type { Faults } from "./plan.ts";
import type { Scene } from "./scene.ts";
import { POINTS, SimProcess } from "./sim-process.ts";
import { observe } from "./observer.ts";
import { START_MS } from "./world.ts";
import { startBurst, startRun, type WorkParts } from "./workload.ts";

/** Starts a process; it works on the store as soon as it has announced itself. */
export function startProcess(scene: Scene): SimProcess {
  const { plan, world, history, ground, booted } = scene;
  const number = ground.processes.length + 1;
  const random = plan.random.fork(`process ${number}`);
  const parts = { world, history, random, observer: observe(history) };
  const process = new SimProcess({ ...parts, name: `p${number}`, host: `h${number % plan.hosts}` });
  if (plan.faults.clocks) process.clock.offsetMs = random.int(-3_000, 3_000);
  ground.processes.push(process);
  ground.sabotage.started?.(process, scene.secret);
  boot(process, ground).then(
    (one) => {
      world.touch();
      booted.push(one);
    },
    // A store that cannot be used at the start ends the process.
    () => process.die(),
  );
  return process;
}

const working = ({ booted }: Scene): Booted[] => booted.filter(({ process }) => process.isWorking);
const living = ({ booted }: Scene): Booted[] =>
  booted.filter(({ process: { isDead, isLeaving } }) => !isDead && !isLeaving);

export const workParts = ({ plan, asked, secret }: Scene): WorkParts => ({
  random: plan.random,
  refs: plan.destinations.map(({ ref }) => ref),
  secret,
  asked,
});

interface Action {
  readonly name: string;
  readonly weight: number;
  /** Only in simulations in which this goes wrong. */
  readonly needs?: keyof Faults;
  /** Does it and says to what; null when there is nothing to do it to. */
  readonly act: (scene: Scene) => string | null;
}

const to = <T>(list: readonly T[], scene: Scene): T | null => (list.length === 0 ? null : scene.plan.random.pick(list));

function withOne(choose: (scene: Scene) => readonly Booted[], act: (scene: Scene, one: Booted) => string | void) {
  return (scene: Scene): string | null => {
    const one = to(choose(scene), scene);
    if (one === null) return null;
    const more = act(scene, one);
    return more === undefined ? one.process.name : `${one.process.name} ${more}`;
  };
}

const ERRORS: readonly StoreError[] = ["busy", "full", "unavailable"];

const ACTIONS: readonly Action[] = [
  { name: "run", weight: 30, act: withOne(working, (scene, one) => startRun(one, workParts(scene))) },
  {
    name: "burst",
    weight: 12,
    act: withOne(working, (scene, one) =>
      startBurst(one, workParts(scene), scene.plan.random.chance(0.15) ? 90 : scene.plan.random.int(2, 25)),
    ),
  },
  { name: "mood", weight: 14, needs: "destinations", act: changeMood },
  {
    name: "weather",
    weight: 5,
    needs: "store",
    act: withOne(living, ({ plan: { random, faults }, world }, { process }) => {
      const loses = faults.lostAnswers && random.chance(0.5) ? "answer" : "call";
      const share = random.pick([0.1, 0.5, 1]);
      const error = random.pick(ERRORS);
      const slowMs = random.pick([0, 0, 20, 400]);
      process.faults.set({
        untilMs: world.nowMs + random.wait(random.pick([1_000, 5_000, 40_000])),
        share,
        error,
        loses,
        slowMs,
      });
      return `${error} ${share} loses the ${loses} ${slowMs}`;
    }),
  },
  { name: "lock", weight: 3, needs: "locks", act: lockStore },
  { name: "kill", weight: 3, needs: "deaths", act: withOne(living, (_, { process }) => process.die()) },
  {
    name: "doom",
    weight: 5,
    needs: "deaths",
    act: withOne(living, ({ plan: { random } }, { process }) => {
      const point = random.pick(POINTS);
      process.dieAt(point, random.int(1, 12));
      return point;
    }),
  },
  { name: "leave", weight: 2, needs: "deaths", act: withOne(working, (scene, one) => leave(scene, one)) },
  {
    name: "freeze",
    weight: 6,
    needs: "freezes",
    act: withOne(working, ({ plan: { random } }, { process }) => {
      const ms = random.pick([200, 5_000, 70_000, 120_000]) * (0.5 + random.next());
      if (random.chance(0.4)) {
        process.freezeFor(ms);
        return `${Math.round(ms)} ms`;
      }
      const point = random.pick(POINTS);
      process.freezeAt(point, random.int(1, 6), ms);
      return `${Math.round(ms)} ms at ${point}`;
    }),
  },
  {
    name: "clock",
    weight: 3,
    needs: "clocks",
    act: withOne(living, ({ plan: { random } }, { process }) => {
      process.clock.offsetMs += random.pick([-7_200_000, -60_000, -1_000, 1_000, 31_000, 7_200_000]);
      return `off by ${process.clock.offsetMs} ms`;
    }),
  },
  { name: "block", weight: 4, needs: "blocks", act: deleteBlock },
  {
    name: "keys",
    weight: 2,
    needs: "keys",
    act: ({ keys, plan: { random }, world }) => {
      keys.lostUntilMs = world.nowMs + random.wait(20_000);
      return `lost until ${Math.round(keys.lostUntilMs)}`;
    },
  },
  { name: "replay", weight: 3, needs: "people", act: (scene) => asPerson(scene, "dead") },
  { name: "cancel", weight: 2, needs: "people", act: (scene) => asPerson(scene, "queued") },
  { name: "start", weight: 6, act: (scene) => (isFull(scene) ? null : startProcess(scene).name) },
];

const isFull = (scene: Scene): boolean => living(scene).length >= scene.plan.processes;

/** One thing that happens by chance. */
export function act(scene: Scene): void {
  const { plan, history } = scene;
  // Somebody must be there to work.
  if (living(scene).length === 0) startProcess(scene);
  const possible = ACTIONS.filter(({ needs }) => needs === undefined || plan.faults[needs]);
  let drawn = plan.random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  const action = possible.find(({ weight }) => (drawn -= weight) < 0) ?? possible[0];
  const about = action?.act(scene) ?? null;
  if (action !== undefined && about !== null) history.add("world", { kind: "deed", deed: action.name, about });
}

function changeMood({ plan: { destinations, random } }: Scene): string | null {
  const unsteady = destinations.filter(({ isSteady }) => !isSteady);
  if (unsteady.length === 0) return null;
  const destination = random.pick(unsteady);
  destination.mood = random.chance(0.35) ? "well" : random.pick(BAD_MOODS);
  return `${destination.ref} ${destination.mood}`;
}

/** Another program holds the write lock. The real busy handling of the store has to get over it. */
function lockStore({ ground: { path, world }, plan: { random } }: Scene): string | null {
  const db = new DatabaseSync(path, { timeout: 0 });
  const ms = random.pick([20, 500, 4_000, 12_000]) * (0.5 + random.next());
  try {
    db.exec("begin immediate");
  } catch {
    // Somebody else has it.
    db.close();
    return null;
  }
  world.at(world.nowMs + ms, () => {
    db.exec("rollback");
    db.close();
  });
  return `${Math.round(ms)} ms`;
}

function leave({ plan: { random } }: Scene, one: Booted): void {
  void (async () => {
    if (random.chance(0.5)) {
      await one.sweeper.settled();
      await one.dispatcher.drain({ deadlineMs: random.int(100, 5_000) });
    }
    await one.close();
    // A process that cannot write its end ends all the same.
  })().catch(() => one.process.die());
}

function deleteBlock({ documents, inspector, plan: { random, destinations }, world }: Scene): string | null {
  const unsteady = destinations.filter(({ isSteady }) => !isSteady);
  if (unsteady.length === 0) return null;
  const { ref } = random.pick(unsteady);
  const row = documents.get(ref);
  if (row === undefined) return null;
  void inspector.blocks.deleteDocument(row.id).catch(() => undefined);
  world.at(world.nowMs + random.wait(5_000), () => void inspector.blocks.insertDocument(row).catch(() => undefined));
  return ref;
}

/** A person picks a few deliveries and has them sent again, or not. */
function asPerson(
  { inspector: { outbox }, plan: { random }, history, ground }: Scene,
  status: "dead" | "queued",
): string {
  const most = random.int(1, 5);
  const work = async (): Promise<void> => {
    const found = await outbox.list({ status: [status], limit: most });
    const ids = found.map(({ id }) => id);
    if (ids.length === 0) return;
    if (status === "dead") await outbox.replay({ ids }, START_MS + ground.world.nowMs);
    else await outbox.cancel(ids);
    history.add("person", { kind: status === "dead" ? "replayed" : "cancelled", deliveries: ids });
  };
  // Refused while the store is locked.
  void work().catch(() => undefined);
  return `${most} ${status}`;
}
