import { newId } from "../../src/base/ids.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import type { Ground, Sabotage } from "./boot.ts";
import type { Faults } from "./plan.ts";

/** The port with some of its methods replaced. */
const altered = (real: OutboxStore, changes: Partial<OutboxStore>): OutboxStore => ({ ...real, ...changes });

/** Every third, so that most of what happens is as it should be. */
function everyThird(): () => boolean {
  let count = 0;
  return () => {
    count += 1;
    return count % 3 === 0;
  };
}

/** A bug, the promise that it breaks, and what goes wrong around it so that it shows. */
export interface Bug {
  readonly promise: number;
  readonly needs: readonly (keyof Faults)[];
  /** Made anew for each simulation. */
  readonly plant: () => Sabotage;
}

/** Who holds a delivery now, by the last claim of it. */
const holderOf = ({ history }: Ground, deliveryId: string): string | undefined => {
  const claim = history.entries.findLast((entry) => entry.kind === "claimed" && entry.delivery === deliveryId);
  return claim?.kind === "claimed" ? claim.lease : undefined;
};

export const BUGS = {
  "a settlement that is dropped": {
    promise: 7,
    needs: [],
    plant: () => {
      const isHit = everyThird();
      return {
        outbox: (real) => altered(real, { settle: (...args) => (isHit() ? Promise.resolve() : real.settle(...args)) }),
      };
    },
  },
  "a settlement that does not ask who holds the delivery": {
    promise: 3,
    needs: ["freezes"],
    plant: () => ({
      outbox: (real, ground) =>
        altered(real, {
          settle: async (settlements, leaseId, health) => {
            for (const one of settlements) {
              const holder = holderOf(ground, one.attempt.deliveryId) ?? leaseId;
              // What nobody holds any more is left alone: this bug is about taking it from somebody else.
              await real.settle([one], holder, health).catch(() => undefined);
            }
          },
        }),
    }),
  },
  "work of dead processes that is not queued again": {
    promise: 2,
    needs: ["deaths", "destinations"],
    plant: () => ({ outbox: (real) => altered(real, { recover: () => Promise.resolve(0) }) }),
  },
  "a message that is sent twice": {
    promise: 3,
    needs: [],
    plant: () => {
      const isHit = everyThird();
      return {
        transport: (real) => ({
          ...real,
          send: async (request) => {
            const result = await real.send(request);
            return isHit() ? real.send(request) : result;
          },
        }),
      };
    },
  },
  "a claim whose order is turned around": {
    promise: 4,
    needs: [],
    plant: () => ({
      outbox: (real) =>
        altered(real, {
          claim: async (request) => {
            const claimed = await real.claim(request);
            return { ...claimed, deliveries: claimed.deliveries.toReversed() };
          },
        }),
    }),
  },
  "a claim that takes what others hold": {
    promise: 3,
    needs: [],
    plant: () => ({
      outbox: (real) =>
        altered(real, {
          claim: async (request) => {
            const { deliveries: own, nextDueAtMs } = await real.claim(request);
            const others = await real.list({ status: ["sending"], destination: request.destination, limit: 5 });
            return {
              deliveries: [...own, ...others.filter(({ id }) => own.every((one) => one.id !== id))],
              nextDueAtMs,
            };
          },
        }),
    }),
  },
  "a state that is stored without what it owes": {
    promise: 1,
    needs: [],
    plant: () => {
      const isHit = everyThird();
      return {
        runs: (real) => ({
          ...real,
          commit: (change) => real.commit(isHit() ? { ...change, requests: change.requests.slice(1) } : change),
        }),
      };
    },
  },
  "a commit that is acknowledged and not stored": {
    promise: 1,
    needs: [],
    plant: () => {
      const isHit = everyThird();
      return {
        runs: (real) => ({ ...real, commit: (change) => (isHit() ? Promise.resolve() : real.commit(change)) }),
      };
    },
  },
  "hooks that a dead process does not fire": {
    promise: 1,
    needs: ["deaths"],
    plant: () => ({
      listener: (real) => ({
        ...real,
        requests: (move) => (move.to.type === "CRASHED" ? [] : (real.requests?.(move) ?? [])),
      }),
    }),
  },
  "runs of dead processes that are not found": {
    promise: 5,
    needs: ["deaths"],
    plant: () => ({
      runs: (real) => ({ ...real, listOpenRuns: () => Promise.resolve([]), listHolders: () => Promise.resolve([]) }),
    }),
  },
  "another key on each attempt": {
    promise: 3,
    needs: [],
    plant: () => ({
      transport: (real) => ({
        ...real,
        send: (request) => real.send({ ...request, message: { ...request.message, deliveryId: newId() } }),
      }),
    }),
  },
  "a secret in the log": {
    promise: 6,
    needs: [],
    plant: () => ({ started: (process, secret) => process.log.info("connected", { url: `https://x/${secret}` }) }),
  },
  "an answer that is stored as it came": {
    promise: 6,
    needs: ["destinations"],
    plant: () => ({
      outbox: (real, { secret }) =>
        altered(real, {
          settle: (settlements, ...rest) =>
            real.settle(
              settlements.map((one) => (one.detail === null ? one : { ...one, detail: `${one.detail} ${secret}` })),
              ...rest,
            ),
        }),
    }),
  },
  "work of dead processes that is taken for unsent": {
    promise: 7,
    needs: ["deaths"],
    plant: () => ({
      outbox: (real) =>
        altered(real, {
          recover: async (leaseId, nowMs) => {
            const sending = await real.list({ status: ["sending"], limit: 200 });
            const ids = sending.filter((one) => one.leaseId === leaseId).map(({ id }) => id);
            await real.release(ids, nowMs, leaseId);
            return ids.length;
          },
        }),
    }),
  },
  "a dead letter without its event": {
    promise: 7,
    needs: ["destinations"],
    plant: () => ({
      outbox: (real) =>
        altered(real, {
          settle: (settlements, ...rest) =>
            real.settle(
              settlements.map(({ events: _events, ...one }) => one),
              ...rest,
            ),
        }),
    }),
  },
  "a delivery that ends without a reason": {
    promise: 7,
    needs: ["destinations"],
    plant: () => ({
      outbox: (real) =>
        altered(real, {
          settle: (settlements, ...rest) =>
            real.settle(
              settlements.map((one) => (one.to === "dead" ? { ...one, reason: null, detail: null } : one)),
              ...rest,
            ),
        }),
    }),
  },
  "a delivery that counts as delivered and was not sent": {
    promise: 3,
    needs: [],
    plant: () => {
      const isHit = everyThird();
      return {
        transport: (real) => ({
          ...real,
          send: (request) =>
            isHit()
              ? Promise.resolve({ outcome: { kind: "delivered" }, durationMs: 1, status: 200 })
              : real.send(request),
        }),
      };
    },
  },
  "a slow destination that holds up the others": {
    promise: 4,
    needs: ["destinations"],
    plant: () => {
      let before: Promise<unknown> = Promise.resolve();
      return {
        transport: (real) => ({
          ...real,
          send: (request) => {
            const result = before.then(() => real.send(request));
            before = result;
            return result;
          },
        }),
      };
    },
  },
} as const satisfies Record<string, Bug>;
