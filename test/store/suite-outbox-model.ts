import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import type { Delivery, DeliveryStatus } from "../../src/delivery/delivery.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import type { SqliteStore } from "../../src/store/sqlite/open.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { anAttempt, aSettlement } from "../support/store-records.ts";
import { at, enqueue } from "./outbox-kit.ts";
import { type Item, OutboxModel } from "./outbox-model.ts";

const SEVERITIES = ["critical", "error", "warning", "info"] as const;
const ENDS = ["delivered", "queued", "queued", "dead", "suppressed"] as const;

const nat = (max: number) => fc.nat({ max });

/** Numbers pick among what there is when the step is made, so that every sequence makes sense. */
const STEP = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      destination: nat(1),
      subject: nat(2),
      severity: nat(3),
      coalesces: fc.boolean(),
      delayMs: fc.constantFrom(0, 0, 40),
      /** Asks again for a notification that is there, if below its count. */
      again: nat(30),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("claim" as const), destination: nat(1), lease: nat(2), limit: nat(3) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("settle" as const), pick: nat(50), end: nat(4), delayMs: nat(60) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("begin" as const), pick: nat(50) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("die" as const), destination: nat(1), lease: nat(2), begins: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), pick: nat(50), delayMs: nat(60) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("recover" as const), lease: nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("retire" as const), pick: nat(50), lease: nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), pick: nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replay" as const), pick: nat(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.oneof(nat(80), fc.constant(1_100)) }) },
);
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;
type StepOf<D extends Step["do"]> = Extract<Step, { do: D }>;

/** A claim that some process once made, and may still believe in. */
interface Held {
  readonly id: string;
  readonly leaseId: string;
  readonly number: number;
}

const picked = <T>(list: readonly T[], pick: number): T | undefined => list[pick % Math.max(1, list.length)];

/** Makes every step on the store and on the model. */
class Pair {
  readonly model = new OutboxModel();
  readonly #store: SqliteStore;
  readonly #outbox: OutboxStore;
  readonly #held: Held[] = [];
  // Of this sequence alone, so that one store serves all.
  readonly #destinations = [`a/${newId()}`, `b/${newId()}`];
  readonly #leases = [newId(), newId(), newId()];
  #elapsedMs = 0;

  constructor(store: SqliteStore) {
    this.#store = store;
    this.#outbox = store.outbox;
  }

  async run(step: Step): Promise<void> {
    if (step.do === "enqueue") await this.#enqueue(step);
    else if (step.do === "claim") await this.#claim(step);
    else if (step.do === "settle") await this.#settle(step);
    else if (step.do === "begin") await this.#begin(picked(this.#held, step.pick));
    else if (step.do === "die") await this.#die(step);
    else if (step.do === "recover") await this.recover(step.lease);
    else if (step.do === "wait") this.#elapsedMs += step.ms;
    else await this.#byHand(step);
    expect(await this.#stored()).toEqual(this.#expected());
  }

  async recover(lease: number): Promise<void> {
    const leaseId = this.#leases[lease] ?? "";
    const expected = this.model.recover(leaseId, this.#nowMs);
    expect(await this.#outbox.recover(leaseId, this.#nowMs)).toBe(expected);
  }

  /** Sends everything that is left. */
  async drain(): Promise<void> {
    for (let lease = 0; lease < this.#leases.length; lease += 1) await this.recover(lease);
    this.#elapsedMs += 1_000_000;
    for (let round = 0; round < 200 && this.model.items.some((item) => item.status === "queued"); round += 1) {
      for (const destination of [0, 1]) await this.#claim({ do: "claim", destination, lease: 0, limit: 3 });
      for (const held of this.#held.splice(0)) await this.#settleAs(held, "delivered", 0);
    }
    expect(await this.#stored()).toEqual(this.#expected());
  }

  get #nowMs(): number {
    return at(this.#elapsedMs);
  }

  async #enqueue(step: StepOf<"enqueue">): Promise<void> {
    const id = newId();
    const key = this.model.items[step.again]?.key ?? `${id}/0`;
    const destination = this.#destinations[step.destination] ?? "";
    const [subject, dueMs, coalesces] = [`s${step.subject}`, this.#nowMs + step.delayMs, step.coalesces];
    const severity = SEVERITIES[step.severity] ?? "info";
    const coalesce = coalesces ? "latest" : null;
    await enqueue(this.#store, { id, dedupKey: key, destination, subject, severity, coalesce, createdAtMs: dueMs });
    this.model.enqueue({ id, key, destination, subject, priority: step.severity, coalesces, dueMs });
  }

  async #claim(step: StepOf<"claim">): Promise<void> {
    const request = {
      destination: this.#destinations[step.destination] ?? "",
      leaseId: this.#leases[step.lease] ?? "",
      nowMs: this.#nowMs,
      limit: step.limit + 1,
    };
    const openBefore = this.model.items.filter(isOpen);
    const { deliveries: claimed, nextDueAtMs } = await this.#outbox.claim(request);
    expectOrder(openBefore, claimed);
    expect(claimed.map(({ id, isSuspect = false }) => [id, isSuspect])).toEqual(
      this.model.claim(request).map(({ id, ends }) => [id, ends >= 2]),
    );
    // Beyond a limit that was reached, more may be due.
    const known = claimed.length === request.limit ? request.nowMs : this.model.nextDueMs(request.destination);
    expect(nextDueAtMs).toBe(known);
    for (const { id, attempts } of claimed) this.#held.push({ id, leaseId: request.leaseId, number: attempts + 1 });
  }

  async #begin(held: Held | undefined): Promise<void> {
    if (held === undefined) return;
    const expected = this.model.begin(held.id, held.leaseId);
    expect(await this.#outbox.begin(held.id, held.leaseId)).toBe(expected);
  }

  /** A process takes what is due, begins to send it or does not come to that, and ends. */
  async #die({ destination, lease, begins }: StepOf<"die">): Promise<void> {
    const before = this.#held.length;
    await this.#claim({ do: "claim", destination, lease, limit: 3 });
    if (begins) for (const held of this.#held.slice(before)) await this.#begin(held);
    await this.recover(lease);
  }

  async #settle({ pick, end, delayMs }: StepOf<"settle">): Promise<void> {
    const held = picked(this.#held, pick);
    if (held !== undefined) await this.#settleAs(held, ENDS[end] ?? "delivered", delayMs);
  }

  async #settleAs(held: Held, to: DeliveryStatus, delayMs: number): Promise<void> {
    const nextAttemptAtMs = this.#nowMs + delayMs;
    const attempt = anAttempt(held.id, { number: held.number });
    const settlement = aSettlement(held.id, { attempt, to, nextAttemptAtMs });
    const written = await this.#outbox.settle([settlement], held.leaseId).then(() => true, errorCode);
    const expected = this.model.settle(held.id, held, to, nextAttemptAtMs);
    expect(written).toBe(expected || "delivery_move_refused");
  }

  async #byHand(step: StepOf<"release" | "retire" | "cancel" | "replay">): Promise<void> {
    if (step.do === "release") {
      const held = picked(this.#held, step.pick);
      if (held === undefined) return;
      await this.#outbox.release([held.id], this.#nowMs + step.delayMs, held.leaseId);
      this.model.release(held.id, held.leaseId, this.#nowMs + step.delayMs);
      return;
    }
    const id = picked(this.model.items, step.pick)?.id ?? "";
    if (step.do === "retire") {
      const leaseId = this.#leases[step.lease] ?? "";
      await this.#outbox.retire([id], { to: "dead", reason: "gone", detail: "410" }, leaseId);
      this.model.retire(id, leaseId);
    } else if (step.do === "cancel") {
      await this.#outbox.cancel([id]);
      this.model.cancel(id);
    } else {
      await this.#outbox.replay({ ids: [id] }, this.#nowMs);
      this.model.replay(id, this.#nowMs);
    }
  }

  async #stored(): Promise<unknown> {
    const lists = this.#destinations.map((destination) => this.#outbox.list({ destination, limit: 200 }));
    return (await Promise.all(lists))
      .flat()
      .toSorted((a, b) => a.seq - b.seq)
      .map(({ id, status, leaseId, attempts, nextAttemptAtMs }) => ({
        id,
        status,
        leaseId,
        attempts,
        nextAttemptAtMs,
      }));
  }

  #expected(): unknown {
    return this.model.items.map(({ id, status, leaseId, attempts, dueMs }) => ({
      id,
      status,
      leaseId,
      attempts,
      nextAttemptAtMs: dueMs,
    }));
  }
}

const isOpen = ({ status }: Item): boolean => status === "queued" || status === "sending";

/** Whatever was unfinished about a subject comes along before, and nothing that was out is taken again. */
function expectOrder(openBefore: readonly Item[], claimed: readonly Delivery[]): void {
  const out = new Set(openBefore.filter((item) => item.status === "sending").map((item) => item.id));
  const seen = new Set<string>();
  for (const { id, destination, subject } of claimed) {
    expect(out.has(id)).toBe(false);
    const line = openBefore.filter((item) => item.destination === destination && item.subject === subject);
    const earlier = line.slice(
      0,
      line.findIndex((item) => item.id === id),
    );
    for (const item of earlier) expect(seen.has(item.id)).toBe(true);
    seen.add(id);
  }
}

/** Any sequence of steps by several processes leaves what the plain model leaves. */
export function outboxModelSuite(open: StoreOpener): void {
  describe("any sequence of moves", () => {
    it("loses nothing, gives nothing to two leases, keeps the order of subjects and stores nothing twice", async () => {
      await using fixture = await open();
      await fc.assert(
        fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 60 }), async (steps) => {
          const pair = new Pair(fixture.store);
          for (const step of steps) await pair.run(step);
          await pair.drain();
          expect(pair.model.items.filter(isOpen)).toEqual([]);
        }),
        { numRuns: Number(process.env["BELLHOP_TEST_RUNS"] ?? 25) },
      );
    }, 120_000);
  });
}
