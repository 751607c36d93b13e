import { closeSync, cpSync, fsyncSync, openSync } from "node:fs";
import { newId } from "../../../src/base/ids.ts";
import { withBlockContext } from "../../../src/block/ambient.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { type Core, openCore } from "../../../src/core.ts";
import { newHealth } from "../../../src/delivery/health.ts";
import { plainPayload } from "../../../src/delivery/payload.ts";
import { flow } from "../../../src/flow.ts";
import { notify } from "../../../src/hooks/notify.ts";
import type { DeliveryRequest } from "../../../src/runs/delivery-request.ts";
import { type Home, openBenchHub, tempHome } from "../bench-hub.ts";
import { BenchWebhook } from "./block.ts";

export type Payload = DeliveryRequest["payload"];

/** Deliveries stored in one transaction while a store is filled. */
const STORED_AT_ONCE = 500;
/** Blocks saved at the same time, which share their transactions. */
const SAVED_AT_ONCE = 50;

export const refOf = (index: number): string => `bench-webhook/d${index}`;

/** The store of this home, with nothing that runs or sends. */
export const openBenchCore = (home: Home): Promise<Core> =>
  openCore(loadConfig({ flags: { home: home.path, keychain: "off" }, env: {} }));

/** Saves so many destinations; `urlOf` says where each goes. */
export async function saveDestinations(core: Core, count: number, urlOf: (index: number) => string): Promise<void> {
  const save = (index: number) => new BenchWebhook({ url: urlOf(index) }).save({ name: `d${index}` });
  await withBlockContext(core.blockContext, async () => {
    for (let from = 0; from < count; from += SAVED_AT_ONCE) {
      const length = Math.min(SAVED_AT_ONCE, count - from);
      await Promise.all(Array.from({ length }, (_, index) => save(from + index)));
    }
  });
}

const ERROR = "connection to warehouse lost after 3 of 12 tables";

/** A text that is stored as it will be sent. */
export const textPayload: Payload = plainPayload(
  `nightly/crimson-fox failed: Error: ${ERROR}`,
  `Started 2026-11-21 02:00 UTC, failed after 12 minutes, attempt 3 of 3. ${ERROR}. ${"The load of orders stopped here. ".repeat(5)}`,
);

/** What a failed run stores for a declarative hook, as the engine made it: rendered from its template when it is sent. */
export async function runPayload(origin: string): Promise<Payload> {
  using home = tempHome();
  await using bench = await openBenchHub(home);
  const { hub } = bench;
  const failing = flow({ name: "nightly", onFailure: [notify(refOf(0))] }, () => {
    throw new Error(ERROR);
  });
  await bench.within(async () => {
    await new BenchWebhook({ url: `${origin}/sample` }).save({ name: "d0" });
    await failing().catch(() => undefined);
  });
  await hub.drain();
  const [delivery] = await hub.store.outbox.list();
  if (delivery?.status !== "delivered") throw new Error("the sample was not delivered");
  return delivery.payload;
}

/** A failed run's notification for this destination; each is about a run of its own. */
export function requestFor(destination: string, payload: Payload): DeliveryRequest {
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

/** A health row that belongs to no destination: the port stores deliveries along with one. */
const NOBODY = "bench-webhook/nobody";

/** Stores these in one transaction. */
export const enqueue = ({ store }: Pick<Core, "store">, requests: readonly DeliveryRequest[]): Promise<void> =>
  store.outbox.writeHealth(newHealth(NOBODY), { also: requests });

/** Stores so many deliveries, each for the next destination in turn. */
export async function enqueueMany(core: Core, count: number, destinations: number, payload: Payload): Promise<void> {
  for (let from = 0; from < count; from += STORED_AT_ONCE) {
    const length = Math.min(STORED_AT_ONCE, count - from);
    const requests = Array.from({ length }, (_, index) => requestFor(refOf((from + index) % destinations), payload));
    await enqueue(core, requests);
  }
}

/** A copy of a home that nobody has open. It is on the disk, so that no flush of the measured code writes it along. */
export function copyHome(home: Home): Home {
  const copy = tempHome();
  cpSync(home.path, copy.path, { recursive: true });
  const file = openSync(copy.database, "r+");
  fsyncSync(file);
  closeSync(file);
  return copy;
}
