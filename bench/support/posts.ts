import { DatabaseSync } from "node:sqlite";
import { request } from "undici";
import { CustomWebhook } from "../../blocks/custom-webhook.ts";
import { Block } from "../../src/block/block.ts";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { openBenchHub, tempHome, timed } from "./bench-hub.ts";
import { figure } from "./figures.ts";
import type { Report } from "./options.ts";
import { nowMs, type Receiver, startReceiver } from "./receiver.ts";

const REF = "custom-webhook/receiver";
/** Not measured: the first of each kind load modules and open connections. */
const WARM_UP = 3;

let thrownMs = 0;
const fail = (): never => {
  thrownMs = nowMs();
  throw new Error("oops!");
};

/** The hook is a function that loads the block and sends at once. */
const withFunction = flow(
  {
    name: "with-function",
    onFailure: [async (_flow, _run, state) => void (await Block.load(REF).notify(String(state)))],
  },
  fail,
);

/** So many in a row stay below the rate limit of one custom webhook. */
const POSTS_PER_BLOCK = 8;
const blockOf = (round: number): string => `declared-${Math.floor((round + WARM_UP) / POSTS_PER_BLOCK)}`;

/** The hook is data: stored with the run, sent through the outbox. */
const withDeclared = (round: number) =>
  flow({ name: "with-declared", onFailure: [notify(`custom-webhook/${blockOf(round)}`)] }, fail);

/** Milliseconds from the exception to the arrival of the POST. */
async function failToPost(receiver: Receiver, failing: () => Promise<unknown>): Promise<number> {
  const arrived = receiver.arrival();
  await failing().catch(() => undefined);
  return (await arrived) - thrownMs;
}

async function barePost(receiver: Receiver): Promise<number> {
  const arrived = receiver.arrival();
  const begin = nowMs();
  const { body } = await request(receiver.url, { method: "POST", body: "oops!" });
  await body.dump();
  return (await arrived) - begin;
}

/** Failures beside bare POSTs, and loads of a block beside a bare read of its row. */
export async function measurePosts(
  report: Report,
  scale: { readonly posts: number; readonly loads: number },
): Promise<void> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  await using receiver = await startReceiver();
  await bench.within(async () => {
    const block = new CustomWebhook({ name: "receiver", url: receiver.url, json_data: { text: "{{body}}" } });
    await block.save({ name: "receiver" });
    for (const name of new Set(Array.from({ length: scale.posts + WARM_UP }, (_, index) => blockOf(index - WARM_UP)))) {
      await new CustomWebhook({ name, url: receiver.url, json_data: { text: "{{body}}" } }).save({ name });
    }
    const samples: Record<"called" | "declared" | "bare", number[]> = { called: [], declared: [], bare: [] };
    for (let round = -WARM_UP; round < scale.posts; round += 1) {
      const called = await failToPost(receiver, withFunction);
      const declared = await failToPost(receiver, withDeclared(round));
      const bare = await barePost(receiver);
      if (round < 0) continue;
      samples.called.push(called);
      samples.declared.push(declared);
      samples.bare.push(bare);
    }
    report(figure("engine", "fail_to_post_ms", "ms", samples.called, samples.bare));
    report(figure("engine", "fail_to_declared_post_ms", "ms", samples.declared, samples.bare));
    await measureLoads(report, scale.loads, home.database);
  });
}

async function measureLoads(report: Report, count: number, database: string): Promise<void> {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    const read = db.prepare("select * from block_documents where name = ?");
    const [ours, raw]: [number[], number[]] = [[], []];
    for (let index = -WARM_UP; index < count; index += 1) {
      const ms = await timed(() => Block.load(REF));
      const rawMs = await timed(() => JSON.parse(String(read.get("receiver")?.["data"])));
      if (index < 0) continue;
      ours.push(ms);
      raw.push(rawMs);
    }
    report(figure("engine", "block_load_ms", "ms", ours, raw));
  } finally {
    db.close();
  }
}
