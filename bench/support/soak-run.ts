import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { queryObjects } from "node:v8";
import { ActiveRun, currentFrame, Frame } from "../../src/engine/active-run.ts";
import { type Home, openBenchHub, tempHome } from "./bench-hub.ts";
import { seeded, soakWorkload } from "./soak-workload.ts";

export interface SoakOptions {
  /** State changes to make in this process; the child processes' come on top. */
  readonly transitions: number;
  /** Processes that work on the same store and end in the middle of it. */
  readonly children: number;
  readonly seed: number;
}

export interface SoakResult {
  /** State changes stored, all processes together. */
  readonly transitions: number;
  readonly runs: number;
  /** Heap that stayed from the first fifth of the work to its end, bytes. */
  readonly heapGrowthBytes: number;
  /** What must not be; empty when all is well. */
  readonly violations: readonly string[];
}

const LANES = 16;
/** In turn; the last one leaves runs that nobody but the sweep can end. */
const ENDINGS = ["exit", "uncaught", "SIGTERM", "SIGINT", "SIGKILL"];
/** When a child process ends, milliseconds after its start. */
const LIFE_MS = { least: 400, most: 1_200 };
/** Room for what is kept once: compiled code, caches of statements and templates. */
const HEAP_ROOM_BYTES = 24 * 1_048_576;

const OPEN = "state_type not in ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')";
/** A name for each count, and the SQL that must give 0. */
const RULES: Readonly<Record<string, string>> = {
  "flow runs that have not ended": `select count(*) as n from flow_runs where ${OPEN}`,
  "task runs that have not ended": `select count(*) as n from task_runs where ${OPEN}`,
  "flow runs that are not in their newest state": `select count(*) as n from flow_runs r where state_id is not
    (select id from states s where s.flow_run_key = r.key order by seq desc limit 1)`,
  "task runs that are not in their newest state": `select count(*) as n from task_runs r where state_id is not
    (select id from states s where s.task_run_key = r.key order by timestamp_micros desc limit 1)`,
  "states without a run": "select count(*) as n from states where flow_run_key is null and task_run_key is null",
  "states that follow a state of another run": `select count(*) as n from states s join states p on p.id = s.follows
    where p.flow_run_key is not s.flow_run_key or p.task_run_key is not s.task_run_key`,
};

function count(db: DatabaseSync, sql: string): number {
  return Number(db.prepare(sql).get()?.["n"]);
}

async function child(home: Home, index: number, random: () => number): Promise<void> {
  const ending = ENDINGS[index % ENDINGS.length] ?? "exit";
  const ms = LIFE_MS.least + Math.floor(random() * (LIFE_MS.most - LIFE_MS.least));
  const program = join(import.meta.dirname, "soak-child.ts");
  const env = { ...process.env, BELLHOP_HOME: home.path, BELLHOP_KEYCHAIN: "off", BELLHOP_LOG_LEVEL: "silent" };
  const args = [program, String(Math.floor(random() * 2 ** 31)), ending, String(ms)];
  await once(spawn(process.execPath, args, { env, stdio: "ignore" }), "close");
}

/** What this process has open; compared before and after. */
function openThings(): Record<string, number> {
  const resources = Map.groupBy(process.getActiveResourcesInfo(), (name) => `resource ${name}`);
  const listeners = process
    .eventNames()
    .map((name) => [`listener ${String(name)}`, process.listenerCount(name)] as const);
  return Object.fromEntries([...[...resources].map(([name, all]) => [name, all.length] as const), ...listeners]);
}

const leaks = (before: Record<string, number>, after: Record<string, number>): string[] =>
  Object.entries(after)
    .filter(([name, number]) => number > (before[name] ?? 0))
    .map(([name, number]) => `${name}: ${before[name] ?? 0} before, ${number} after`);

/** Counts after a full garbage collection. */
function retained(): string[] {
  return [ActiveRun, Frame]
    .map((type) => ({ name: type.name, left: queryObjects(type, { format: "count" }) }))
    .filter(({ left }) => left > 0)
    .map(({ name, left }) => `${left} objects of ${name} are still reachable`);
}

const heapBytes = (): number => {
  // Collects garbage on the way.
  queryObjects(ActiveRun, { format: "count" });
  return process.memoryUsage().heapUsed;
};

/** Runs until the store has so many states more; returns the heap after a fifth of them. */
async function work(reader: DatabaseSync, options: SoakOptions, startRun: () => Promise<void>): Promise<number> {
  const stored = (): number => count(reader, "select max(seq) as n from states");
  let early = 0;
  const lane = async (goal: number): Promise<void> => {
    while (stored() < goal) await startRun();
  };
  for (const share of [0.2, 1]) {
    await Promise.all(Array.from({ length: LANES }, () => lane(options.transitions * share)));
    if (share < 1) early = heapBytes();
  }
  return early;
}

/** Makes runs end in every way, then looks for what should not be left. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  using home = tempHome();
  const random = seeded(options.seed);
  await (await openBenchHub(home))[Symbol.asyncDispose]();
  await turn();
  const before = openThings();
  const reader = new DatabaseSync(home.database, { readOnly: true });
  let growth = 0;
  const retainedObjects: string[] = [];
  {
    await using bench = await openBenchHub(home);
    const startRun = soakWorkload(random);
    const children = (async () => {
      for (let index = 0; index < options.children; index += 1) await child(home, index, random);
    })();
    const early = await bench.within(() => work(reader, options, startRun));
    await children;
    // Bodies that were given up hold their run until they end by themselves.
    await sleep(200);
    growth = heapBytes() - early;
    retainedObjects.push(...retained());
    await bench.hub.sweep();
    await bench.hub.store.runs.flush();
  }
  await turn();
  const violations = [...retainedObjects, ...leaks(before, openThings())];
  if (currentFrame() !== undefined) violations.push("the context of a run is still there");
  if (growth > HEAP_ROOM_BYTES) violations.push(`the heap grew by ${growth} bytes`);
  for (const [what, sql] of Object.entries(RULES)) {
    const number = count(reader, sql);
    if (number > 0) violations.push(`${number} ${what}`);
  }
  const result: SoakResult = {
    transitions: count(reader, "select count(*) as n from states"),
    runs: count(reader, "select (select count(*) from flow_runs) + (select count(*) from task_runs) as n"),
    heapGrowthBytes: growth,
    violations,
  };
  reader.close();
  return result;
}
