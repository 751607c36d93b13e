import { type Delivery, type DeliveryStatus } from "../../src/delivery/delivery.ts";
import type { Claimed, OutboxStore } from "../../src/delivery/outbox-store.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { SqliteStore } from "../../src/store/sqlite/open.ts";
import { aChange, aFlowRun, anAttempt, aRequest, aSettlement, START_MS } from "../support/store-records.ts";

export const OPS = "slack-webhook/ops";
export const LEASE = "lease-1";
export const at = (ms: number) => START_MS + ms;

/** Stores requests in this order and returns them. */
export async function enqueue(
  store: Pick<SqliteStore, "runs">,
  ...values: readonly Partial<DeliveryRequest>[]
): Promise<DeliveryRequest[]> {
  const requests = values.map((value) => aRequest(value));
  const run = aFlowRun();
  await store.runs.commit(aChange(run, run.state, { requests }));
  return requests;
}

/** Stores one request and returns its id. */
export async function enqueueOne(
  store: Pick<SqliteStore, "runs">,
  values: Partial<DeliveryRequest> = {},
): Promise<string> {
  const [request] = await enqueue(store, values);
  return request?.id ?? "";
}

export const idsOf = (items: readonly { readonly id: string }[]): string[] => items.map((item) => item.id);

export const claimFrom = (
  outbox: OutboxStore,
  values: Partial<Parameters<OutboxStore["claim"]>[0]> = {},
): Promise<readonly Delivery[]> => claimOf(outbox, values).then(({ deliveries }) => deliveries);

/** As above, with what the claim left. */
export const claimOf = (
  outbox: OutboxStore,
  values: Partial<Parameters<OutboxStore["claim"]>[0]> = {},
): Promise<Claimed> => outbox.claim({ destination: OPS, leaseId: LEASE, nowMs: START_MS, limit: 100, ...values });

/** Brings a delivery into a status the way the dispatcher does. */
export async function bringTo(outbox: OutboxStore, id: string, status: DeliveryStatus): Promise<void> {
  if (status !== "queued") await claimFrom(outbox);
  if (status === "queued" || status === "sending") return;
  const number = ((await outbox.read(id))?.attempts ?? 0) + 1;
  await outbox.settle([aSettlement(id, { to: status, attempt: anAttempt(id, { number }) })], LEASE);
}

export const STATUSES: readonly DeliveryStatus[] = ["queued", "sending", "delivered", "suppressed", "dead"];
