// A process of its own on a store; see store-process.ts for who starts it and what the lines it prints mean.
import { once } from "node:events";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/open.ts";
import { aChange, aFlowRun, aRequest, aState, aTaskRun } from "./store-records.ts";

const [mode = "", path = "", count = "0"] = process.argv.slice(2);

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** One flow run with one task run, as the engine writes them; two deliveries come with its last state. */
async function writeRun(store: SqliteStore, name: string): Promise<string> {
  const pending = aState({ type: "PENDING", timestampMicros: systemClock.nowMicros() });
  const run = aFlowRun({ name, state: pending });
  await store.runs.commit(aChange(run));
  const task = aTaskRun({ flowRunId: run.id, state: aState({ timestampMicros: systemClock.nowMicros() }) });
  store.runs.record(aChange(task));
  store.runs.record(aChange(task, aState({ type: "FAILED", timestampMicros: systemClock.nowMicros() })));
  const failed = aState({ type: "FAILED", timestampMicros: systemClock.nowMicros() });
  const requests = ["slack-webhook/ops", "email-smtp/boss"].map((destination) =>
    aRequest({ destination, flowRunId: run.id, stateId: failed.id }),
  );
  await store.runs.commit(aChange(run, failed, { requests }));
  return run.id;
}

/** So that several processes begin in the same moment. */
async function startSignal(): Promise<void> {
  say("ready");
  await once(process.stdin, "data");
  process.stdin.destroy();
}

await startSignal();
const store = await openSqliteStore({ path, clock: systemClock, random: systemRandom, log: silentLogger });

if (mode === "open") say(`store ${await store.blocks.storeId()}`);
if (mode === "write") {
  for (let index = 0; index < Number(count); index += 1) say(`ack ${await writeRun(store, `${process.pid}-${index}`)}`);
}
if (mode === "exit") {
  const [recorded, last] = [aTaskRun(), aFlowRun()];
  process.on("exit", () => {
    store.runs.commitSync([aChange(last)]);
    store.closeSync();
    say(`ack ${last.id}`);
  });
  store.runs.record(aChange(recorded));
  say(`recorded ${recorded.id}`);
  process.exit(0);
}
await store[Symbol.asyncDispose]();
say("closed");
