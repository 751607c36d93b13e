import { cpSync } from "node:fs";
import { newId } from "../../../src/base/ids.ts";
import { withBlockContext } from "../../../src/block/ambient.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { type Core, openCore } from "../../../src/core.ts";
import { newHealth } from "../../../src/delivery/health.ts";
import type { DeliveryRequest } from "../../../src/runs/delivery-request.ts";
import { flow } from "../../../src/flow.ts";
import { notify } from "../../../src/hooks/notify.ts";
import { type Home, openBenchHub, tempHome } from "../bench-hub.ts";
import { BenchWebhook } from "./block.ts";

/** Deliveries stored in one transaction while a store is filled. */
const FILLED_AT_ONCE = 500;
/** Blocks saved at the same time, which share their transactions. */
const SAVED_AT_ONCE = 50;

export const refOf = (index: number): string => `bench-webhook/d${index}`;

/** The store of this home without anything that runs or sends. */
export const openBenchCore = (home: Home): Promise<Core> =>
  openCore(loadConfig({ flags: { home: home.path, keychain: "off" }, env: {} }));

/** Saves so many destinations; `urlOf` says where each goes. */
export async function saveDestinations(core: Core, count: number, urlOf: (index: number) => string): Promise<void> {
  await withBlockContext(core.blockContext, async () => {
    for (let from = 0; from < count; from += SAVED_AT_ONCE) {
      const names = Array.from({ length: Math.min(SAVED_AT_ONCE, count - from) }, (_, index) => from + index);
      await Promise.all(names.map((index) => new BenchWebhook({ url: urlOf(index) }).save({ name: `d${index}` })));
    }
  });
}

/** What a failed run stores for a declarative hook, as the engine made it. */
export async function samplePayload(origin: string): Promise<DeliveryRequest["payload"]> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  const { hub } = bench;
  await bench.within(async () => {
    await new BenchWebhook({ url: `${origin}/sample` }).save({ name: "d0" });
    const failing = flow({ name: "nightly", onFailure: [notify(refOf(0))] }, () => {
      throw new Error("connection to warehouse lost after 3 of 12 tables");
    });
    await failing().catch(() => undefined);
  });
  await hub.drain();
  const [delivery] = await hub.store.outbox.list();
  if (delivery?.status !== "delivered") throw new Error("the sample was not delivered");
  return delivery.payload;
}

/** A failed run's notification for this destination; each is about a run of its own. */
export function requestFor(destination: string, payload: DeliveryRequest["payload"]): DeliveryRequest {
  const [id, flowRunId, stateId] = [newId(), newId(), newId()];
  return {
    id,
    dedupKey: `${stateId}/0/${destination}`,
    destination,
    subject: `flow-run/${flowRunId}`,
    severity: "error",
    flowRunId,
    taskRunId: null,
    stateId,
    payload,
    createdAtMs: Date.now(),
    expiresAtMs: null,
  };
}

/** Stores these in one transaction, through the port. */
export const enqueue = (core: Pick<Core, "store">, requests: readonly DeliveryRequest[]): Promise<void> =>
  core.store.outbox.writeHealth(newHealth(ENQUEUER), { also: requests });

/** A health row that belongs to no destination, because the port enqueues along with one. */
const ENQUEUER = "bench-webhook/nobody";

/** Stores so many deliveries, destination by destination in turn. */
export async function enqueueMany(
  core: Core,
  count: number,
  destinations: number,
  payload: DeliveryRequest["payload"],
): Promise<void> {
  for (let from = 0; from < count; from += FILLED_AT_ONCE) {
    const length = Math.min(FILLED_AT_ONCE, count - from);
    await enqueue(
      core,
      Array.from({ length }, (_, index) => requestFor(refOf((from + index) % destinations), payload)),
    );
  }
}

/** A copy of a home that is not open. */
export function copyHome(home: Home): Home {
  const copy = tempHome();
  cpSync(home.path, copy.path, { recursive: true });
  return copy;
}
