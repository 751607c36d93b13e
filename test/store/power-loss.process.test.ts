import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { messageOf } from "../../src/base/errors.ts";
import type { Durability } from "../../src/store/sqlite/connect.ts";
import { seededRandom, tempFolder } from "../support/store-fixture.ts";
import { canTrace, type SystemCall, traceCalls } from "../support/system-calls.ts";
import { type Survival, UnflushedDisk } from "../support/unflushed-disk.ts";
import { readFacts, type Said, StepLog } from "./power-steps.ts";
import { openSealedStore } from "./power-store.ts";

const CHILD = fileURLToPath(new URL("power-child.ts", import.meta.url));
const INSTALL = "apt-get install -y --no-install-recommends strace";
const isLinux = process.platform === "linux";
const isRequired = isLinux && !["", "0", "false", undefined].includes(process.env["CI"]);
const hasTrace = isLinux && canTrace();

/** Where the store is, below the folder that is there before the process begins. */
const STORE = join("deep", "home", "bellhop.db");

interface Cut {
  /** The power goes after so many calls. */
  readonly after: number;
  readonly survival: Survival;
}

/** Nothing that is not flushed survives, right after each acknowledgement. Between two writes to the disk one is enough. */
const afterAcknowledgements = (calls: readonly SystemCall[]): Cut[] =>
  calls.flatMap((call, index) => {
    const isLast = call.call === "say" && calls[index + 1]?.call !== "say";
    return isLast ? [{ after: index + 1, survival: "nothing" }] : [];
  });

function anywhere(calls: readonly SystemCall[], count: number): Cut[] {
  const random = seededRandom(7);
  const survivals: readonly Survival[] = ["some", "nothing", "some", "everything"];
  return Array.from({ length: count }, (_, index) => ({
    after: Math.floor(random() * calls.length),
    survival: survivals[index % survivals.length] ?? "some",
  }));
}

const saidIn = (calls: readonly SystemCall[]): Said[] =>
  // Written by power-child.ts.
  calls.flatMap((call) => (call.call === "say" ? [JSON.parse(call.text) as Said] : []));

/** What a store is worth that was opened after a loss of power. */
interface Findings {
  /** Damage, and steps that are half there or there without those before them. */
  readonly breaches: string[];
  /** One that was acknowledged before the cut is gone. */
  readonly hasLost: boolean;
}

async function inspect(path: string, steps: StepLog, acknowledged: number): Promise<Findings> {
  try {
    await using store = await openSealedStore(path, "normal");
    const { problems } = await store.health({ integrity: true });
    const found = await readFacts(store, steps.facts);
    return { breaches: [...(problems ?? []), ...steps.breaches(found)], hasLost: !steps.hasAll(found, acknowledged) };
  } catch (error) {
    return { breaches: [messageOf(error)], hasLost: false };
  }
}

interface Outcome {
  /** Whether the disk, with all that was not flushed, is what the process left: then no call was misunderstood. */
  readonly isFaithful: boolean;
  /** How often the log was begun: for a new file, and again after a checkpoint. */
  readonly logsBegun: number;
  readonly breaches: readonly string[];
  readonly lost: readonly string[];
}

/** Lets a process work, then cuts the power of its disk at each of these instants. */
async function cutPower(
  durability: Durability,
  choose: (calls: readonly SystemCall[]) => readonly Cut[],
): Promise<Outcome> {
  using folder = tempFolder();
  const [root, remains] = [join(folder.path, "disk"), join(folder.path, "remains")];
  mkdirSync(root);
  const calls = await traceCalls(root, [CHILD, join(root, STORE), durability]);
  const cuts = choose(calls).toSorted((a, b) => a.after - b.after);
  const steps = new StepLog(saidIn(calls));
  const disk = new UnflushedDisk(root);
  const random = seededRandom(11);
  const [breaches, lost]: [string[], string[]] = [[], []];
  let [taken, acknowledged] = [0, 0];
  for (const { after, survival } of cuts) {
    const next = calls.slice(taken, after);
    for (const call of next) disk.take(call);
    for (const said of saidIn(next))
      if ("acknowledged" in said) acknowledged = Math.max(acknowledged, said.acknowledged);
    taken = after;
    disk.cutTo(remains, survival, random);
    const findings = await inspect(join(remains, STORE), steps, acknowledged);
    const where = `cut after call ${after}, ${survival} survives of what was not flushed: `;
    // The first says it; after one step, every later one is in the wrong place.
    breaches.push(...findings.breaches.slice(0, 1).map((breach) => where + breach));
    if (findings.hasLost) lost.push(where + "not all of what was acknowledged");
    rmSync(remains, { recursive: true });
  }
  for (const call of calls.slice(taken)) disk.take(call);
  disk.cutTo(remains, "everything", random);
  const isFaithful = ["", "-wal"].every((end) =>
    readFileSync(join(root, STORE + end)).equals(readFileSync(join(remains, STORE + end))),
  );
  const logsBegun = calls.filter(
    (call) => call.call === "write" && call.path.endsWith("-wal") && call.offset === 0,
  ).length;
  return { isFaithful, logsBegun, breaches, lost };
}

it.runIf(isRequired)("has a tracer of system calls to test with", () => {
  expect(hasTrace, `install it: ${INSTALL}`).toBe(true);
});

describe.skipIf(!hasTrace)(`a loss of power (to run: ${INSTALL}, where ptrace is allowed)`, () => {
  it("takes nothing acknowledged from a store with full durability, wherever it happens", async () => {
    const outcome = await cutPower("full", (calls) => [...afterAcknowledgements(calls), ...anywhere(calls, 40)]);

    expect(outcome).toEqual({ isFaithful: true, logsBegun: 3, breaches: [], lost: [] });
  });

  it("takes only the newest commits from a store with normal durability, and does take some", async () => {
    const outcome = await cutPower("normal", (calls) => anywhere(calls, 50));

    expect(outcome).toMatchObject({ isFaithful: true, logsBegun: 3, breaches: [] });
    // This is also how it is known that the disk forgets what was not flushed.
    expect(outcome.lost).not.toEqual([]);
  });
});
