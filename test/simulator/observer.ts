import type { Settlement } from "../../src/delivery/delivery.ts";
import type { Claimed } from "../../src/delivery/outbox-store.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { RunChange } from "../../src/runs/run-store.ts";
import type { History } from "./history.ts";
import type { Call, CallObserver } from "./sim-process.ts";

/**
 * Writes down what calls of the store did. The arguments and values are those of the ports that the calls went through;
 * the types beside the names say which.
 */
export function observe(history: History): CallObserver {
  const took: Readonly<Record<string, (by: string, args: readonly unknown[], value: unknown) => void>> = {
    "runs.commit": (by, [change]) => {
      const { state, requests } = change as RunChange;
      history.add(by, { kind: "stored", state: state.id, deliveries: requests.map(({ id }) => id) });
    },
    "outbox.claim": (by, [request], value) => {
      const { leaseId } = request as { leaseId: string };
      for (const { id } of (value as Claimed).deliveries)
        history.add(by, { kind: "claimed", lease: leaseId, delivery: id });
    },
    "outbox.settle": (by, [settlements, leaseId]) => {
      for (const { attempt, to, also = [] } of settlements as Settlement[]) {
        const { deliveryId: delivery, number } = attempt;
        history.add(by, { kind: "settled", lease: String(leaseId), delivery, number, to });
        asked(by, also);
      }
    },
    "outbox.release": (by, [ids, , leaseId]) =>
      history.add(by, { kind: "released", lease: String(leaseId), deliveries: ids as string[] }),
    "outbox.retire": (by, [ids, , leaseId]) =>
      history.add(by, {
        kind: "retired",
        lease: leaseId === null ? null : String(leaseId),
        deliveries: ids as string[],
      }),
    "outbox.recover": (by, [leaseId], count) =>
      history.add(by, { kind: "recovered", lease: String(leaseId), count: Number(count) }),
    "outbox.replay": (by, [which]) =>
      history.add(by, { kind: "replayed", deliveries: (which as { ids: string[] }).ids }),
    "outbox.cancel": (by, [ids]) => history.add(by, { kind: "cancelled", deliveries: ids as string[] }),
  };
  const asked = (by: string, requests: readonly DeliveryRequest[]): void => {
    for (const { dedupKey } of requests) history.add(by, { kind: "asked", dedupKey });
  };
  const told: Readonly<Record<string, (by: string, args: readonly unknown[]) => void>> = {
    "runs.commit": (by, [change]) => history.add(by, { kind: "stored-told", state: (change as RunChange).state.id }),
    "outbox.settle": (by, [settlements]) => {
      for (const { attempt } of settlements as Settlement[]) {
        const { deliveryId: delivery, number, outcome } = attempt;
        history.add(by, { kind: "settled-told", delivery, number, outcome: outcome.kind });
      }
    },
  };
  const nameOf = ({ port, method }: Call): string => `${port}.${method}`;
  return {
    took: ({ name }, call, value) => took[nameOf(call)]?.(name, call.args, value),
    told: ({ name }, call) => told[nameOf(call)]?.(name, call.args),
  };
}
