import type { DeliveryStatus } from "../../src/delivery/delivery.ts";
import { MOST_PROCESS_ENDS } from "../../src/delivery/outbox-store.ts";

/** A delivery, as far as its moves go. */
export interface Item {
  readonly id: string;
  readonly key: string;
  readonly destination: string;
  readonly subject: string;
  /** 0 for the gravest. */
  readonly priority: number;
  readonly coalesces: boolean;
  status: DeliveryStatus;
  leaseId: string | null;
  dueMs: number;
  attempts: number;
  ends: number;
  /** Its attempt was begun since it was claimed. */
  hasBegun: boolean;
}

export interface ClaimOf {
  readonly destination: string;
  readonly leaseId: string;
  readonly nowMs: number;
  readonly limit: number;
}

/** The outbox in the plainest form: a list that is walked from the start for everything. */
export class OutboxModel {
  /** In order of arrival. */
  readonly items: Item[] = [];

  enqueue(item: Omit<Item, "status" | "leaseId" | "attempts" | "ends" | "hasBegun">): void {
    if (this.items.some((other) => other.key === item.key)) return;
    this.items.push({ ...item, status: "queued", leaseId: null, attempts: 0, ends: 0, hasBegun: false });
    if (item.coalesces) this.#overtake(item);
  }

  claim({ destination, leaseId, nowMs, limit }: ClaimOf): Item[] {
    const flying = this.items.filter((item) => item.destination === destination && item.status === "sending");
    if (flying.some((item) => item.leaseId !== leaseId || item.ends >= 2)) return [];
    const isDue = (item: Item): boolean => item.status === "queued" && item.dueMs <= nowMs;
    const due = this.items.filter((item) => item.destination === destination && isDue(item));
    const taken: Item[] = [];
    for (const candidate of due.toSorted((a, b) => a.priority - b.priority)) {
      for (const item of this.#line(candidate).slice(0, this.#line(candidate).indexOf(candidate) + 1)) {
        if (taken.includes(item)) continue;
        if (!isDue(item)) break;
        const isSuspect = item.ends >= 2;
        if (taken.length === limit || (isSuspect && taken.length + flying.length > 0))
          return this.#send(taken, leaseId);
        taken.push(item);
        if (isSuspect) return this.#send(taken, leaseId);
      }
    }
    return this.#send(taken, leaseId);
  }

  /** When the first of what is queued is due. */
  nextDueMs(destination: string): number | null {
    const queued = this.items.filter((item) => item.destination === destination && item.status === "queued");
    return queued.length === 0 ? null : Math.min(...queued.map((item) => item.dueMs));
  }

  /** False when the lease does not hold it any more, or it was begun already. */
  begin(id: string, leaseId: string): boolean {
    const item = this.#held(id, leaseId);
    if (item === undefined || item.hasBegun) return false;
    item.hasBegun = true;
    return true;
  }

  /** False when the lease does not hold it for this attempt any more. */
  settle(id: string, claim: { leaseId: string; number: number }, to: DeliveryStatus, dueMs: number): boolean {
    const item = this.#held(id, claim.leaseId);
    if (item === undefined || item.attempts !== claim.number - 1) return false;
    Object.assign(item, { status: to, leaseId: null, attempts: claim.number, ends: 0, dueMs });
    if (to === "queued" && item.coalesces) this.#overtake(item);
    return true;
  }

  release(id: string, leaseId: string, dueMs: number): void {
    const item = this.#held(id, leaseId);
    if (item === undefined) return;
    Object.assign(item, { status: "queued", leaseId: null, dueMs });
    if (item.coalesces) this.#overtake(item);
  }

  recover(leaseId: string, nowMs: number): number {
    const held = this.items.filter((item) => item.status === "sending" && item.leaseId === leaseId);
    let suspects = 0;
    for (const item of held) {
      if (item.ends >= 2 && !item.hasBegun) {
        Object.assign(item, { status: "queued", leaseId: null, dueMs: nowMs + 1_000 + 100 * suspects });
        suspects += 1;
        continue;
      }
      item.attempts += 1;
      item.ends += 1;
      const isDead = item.ends >= MOST_PROCESS_ENDS;
      const dueMs = !isDead && item.ends >= 2 ? nowMs + 100 * suspects : nowMs;
      if (!isDead && item.ends >= 2) suspects += 1;
      Object.assign(item, { status: isDead ? "dead" : "queued", leaseId: null, dueMs });
    }
    for (const item of held) if (item.coalesces) this.#overtake(item);
    return held.length;
  }

  retire(id: string, leaseId: string): void {
    const item = this.items.find((one) => one.id === id);
    if (item?.status !== "queued" && !(item?.status === "sending" && item.leaseId === leaseId)) return;
    Object.assign(item, { status: "dead", leaseId: null });
  }

  cancel(id: string): void {
    const item = this.items.find((one) => one.id === id);
    if (item?.status === "queued") item.status = "suppressed";
  }

  replay(id: string, nowMs: number): void {
    const item = this.items.find((one) => one.id === id);
    if (item?.status !== "dead" && item?.status !== "suppressed") return;
    Object.assign(item, { status: "queued", attempts: 0, ends: 0, dueMs: nowMs });
  }

  /** What is unfinished about the subject of this delivery, in order of arrival. */
  #line({ destination, subject }: Item): Item[] {
    const isOpen = (item: Item): boolean => item.status === "queued" || item.status === "sending";
    return this.items.filter((item) => item.destination === destination && item.subject === subject && isOpen(item));
  }

  #held(id: string, leaseId: string): Item | undefined {
    return this.items.find((item) => item.id === id && item.status === "sending" && item.leaseId === leaseId);
  }

  #send(items: Item[], leaseId: string): Item[] {
    for (const item of items) Object.assign(item, { status: "sending", leaseId, hasBegun: false });
    return items;
  }

  #overtake({ destination, subject }: Pick<Item, "destination" | "subject">): void {
    const waiting = this.items.filter(
      (item) =>
        item.destination === destination && item.subject === subject && item.coalesces && item.status === "queued",
    );
    for (const item of waiting.slice(0, -1)) item.status = "suppressed";
  }
}
