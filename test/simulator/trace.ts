import type { Entry } from "./history.ts";

/** One attempt, put together from the history. Instants are the world's, milliseconds. */
export interface Try {
  readonly number: number;
  readonly by: string;
  readonly lease: string;
  readonly delivery: string;
  readonly seq: number;
  readonly destination: string;
  readonly subject: string;
  /** Position in the history. */
  readonly at: number;
  readonly startMs: number;
  /** The process no longer held the delivery when it began. */
  readonly isStray: boolean;
  /** Position of the end: an answer, or the death of the process; Infinity without one. */
  endsAt: number;
  readonly accepted: { readonly atMs: number; readonly key: string; readonly at: number }[];
}

/** Who holds a delivery, as the history tells it. */
interface Hold {
  readonly lease: string;
  readonly since: number;
}

export interface Trace {
  readonly tries: readonly Try[];
  readonly byDelivery: ReadonlyMap<string, readonly Try[]>;
  /** Positions at which the deliveries of a lease were taken from it. */
  readonly recoveries: ReadonlyMap<string, readonly number[]>;
  /** Deliveries that a person, or a test, queued again. */
  readonly replayed: ReadonlySet<string>;
  /** What the store let happen and must not have. */
  readonly wrongMoves: readonly string[];
}

/** Reads the history once, in order, and keeps the books of who holds what. */
export function traceOf(entries: readonly Entry[]): Trace {
  const book = new Book();
  entries.forEach((entry, at) => book.read(entry, at));
  return book;
}

class Book implements Trace {
  readonly tries: Try[] = [];
  readonly byDelivery = new Map<string, Try[]>();
  readonly recoveries = new Map<string, number[]>();
  readonly replayed = new Set<string>();
  readonly wrongMoves: string[] = [];
  readonly #holds = new Map<string, Hold>();
  readonly #byNumber = new Map<number, Try>();
  /** Deliveries that ended, until somebody queues them again. */
  readonly #ended = new Set<string>();

  read(entry: Entry, at: number): void {
    switch (entry.kind) {
      case "claimed":
        return this.#claim(entry, at);
      case "settled":
        return this.#settle(entry);
      case "released":
        for (const id of entry.deliveries) if (this.#holds.get(id)?.lease === entry.lease) this.#holds.delete(id);
        return;
      case "retired":
        for (const id of entry.deliveries) {
          const hold = this.#holds.get(id);
          if (hold === undefined || hold.lease === entry.lease) this.#end(id);
        }
        return;
      case "recovered":
        return this.#recover(entry.lease, at);
      case "replayed":
        for (const id of entry.deliveries) {
          this.replayed.add(id);
          this.#ended.delete(id);
        }
        return;
      case "attempt":
        return this.#begin(entry, at);
      case "accepted":
        this.#byNumber.get(entry.attempt)?.accepted.push({ atMs: entry.atMs, key: entry.key, at });
        return;
      case "answered": {
        const one = this.#byNumber.get(entry.attempt);
        if (one !== undefined) one.endsAt = at;
        return;
      }
      case "died":
        for (const one of this.tries) if (one.by === entry.by) one.endsAt = Math.min(one.endsAt, at);
        return;
      case "deed":
      case "stored":
      case "stored-told":
      case "settled-told":
      case "asked":
      case "cancelled":
      case "started":
      case "froze":
      case "thawed":
      case "closed":
        return;
    }
  }

  #end(id: string): void {
    this.#holds.delete(id);
    this.#ended.add(id);
  }

  #claim({ lease, delivery }: { readonly lease: string; readonly delivery: string }, at: number): void {
    const hold = this.#holds.get(delivery);
    if (hold !== undefined) this.wrongMoves.push(`${delivery} was claimed by ${lease} while ${hold.lease} held it`);
    if (this.#ended.has(delivery)) this.wrongMoves.push(`${delivery} was claimed by ${lease} after it had ended`);
    this.#holds.set(delivery, { lease, since: at });
  }

  #settle({ lease, delivery, to }: { readonly lease: string; readonly delivery: string; readonly to: string }): void {
    const hold = this.#holds.get(delivery);
    if (hold?.lease !== lease) {
      this.wrongMoves.push(`${delivery} was settled by ${lease} while ${hold?.lease ?? "nobody"} held it`);
    }
    this.#holds.delete(delivery);
    if (to !== "queued") this.#ended.add(delivery);
  }

  #recover(lease: string, at: number): void {
    const known = this.recoveries.get(lease) ?? [];
    this.recoveries.set(lease, known);
    known.push(at);
    for (const [id, hold] of this.#holds) if (hold.lease === lease) this.#holds.delete(id);
  }

  #begin(entry: Extract<Entry, { kind: "attempt" }>, at: number): void {
    const { attempt: number, by, lease, delivery, seq, destination, subject, atMs: startMs } = entry;
    const isStray = this.#holds.get(delivery)?.lease !== lease;
    const begun = { number, by, lease, delivery, seq, destination, subject, at, startMs, isStray };
    const one: Try = { ...begun, endsAt: Infinity, accepted: [] };
    this.tries.push(one);
    this.#byNumber.set(number, one);
    const own = this.byDelivery.get(delivery) ?? [];
    this.byDelivery.set(delivery, own);
    own.push(one);
  }
}
