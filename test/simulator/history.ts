import { createHash } from "node:crypto";
import type { DeliveryStatus } from "../../src/delivery/delivery.ts";

/** What a fault or an action of the simulation was. */
export interface Deed {
  readonly kind: "deed";
  readonly deed: string;
  readonly about: string;
}

/** What happened, as it took effect; `told`: whoever asked for it was told. */
export type Fact =
  | Deed
  | { readonly kind: "stored"; readonly state: string; readonly deliveries: readonly string[] }
  | { readonly kind: "stored-told"; readonly state: string }
  | { readonly kind: "claimed"; readonly lease: string; readonly delivery: string }
  | {
      readonly kind: "settled";
      readonly lease: string;
      readonly delivery: string;
      readonly number: number;
      readonly to: DeliveryStatus;
    }
  | { readonly kind: "settled-told"; readonly delivery: string; readonly number: number; readonly outcome: string }
  /** A settlement asked for another delivery. */
  | { readonly kind: "asked"; readonly dedupKey: string }
  | { readonly kind: "released"; readonly lease: string; readonly deliveries: readonly string[] }
  | { readonly kind: "retired"; readonly lease: string | null; readonly deliveries: readonly string[] }
  | { readonly kind: "recovered"; readonly lease: string; readonly count: number }
  | { readonly kind: "replayed" | "cancelled"; readonly deliveries: readonly string[] }
  | {
      /** An attempt began; `attempt` numbers them all. */
      readonly kind: "attempt";
      readonly attempt: number;
      readonly lease: string;
      readonly delivery: string;
      readonly seq: number;
      readonly destination: string;
      readonly subject: string;
    }
  /** The other side took the message. */
  | { readonly kind: "accepted"; readonly attempt: number; readonly key: string }
  | { readonly kind: "answered"; readonly attempt: number; readonly outcome: string }
  | { readonly kind: "started" | "died" | "froze" | "thawed" | "closed"; readonly lease: string };

export type Entry = Fact & { readonly atMs: number; readonly by: string };

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Everything that happened, in order. */
export class History {
  readonly entries: Entry[] = [];
  readonly #now: () => number;
  #attempts = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(by: string, fact: Fact): void {
    this.entries.push({ atMs: this.#now(), by, ...fact });
  }

  nextAttempt(): number {
    this.#attempts += 1;
    return this.#attempts;
  }

  /** One line for each entry, ids replaced by numbers in order of appearance: ids are random, the history is not. */
  lines(): string[] {
    const numbers = new Map<string, string>();
    const named = (id: string): string => {
      const known = numbers.get(id) ?? `#${numbers.size + 1}`;
      numbers.set(id, known);
      return known;
    };
    return this.entries.map(({ atMs, by, ...fact }) =>
      `${atMs.toFixed(3)} ${by} ${JSON.stringify(fact)}`.replaceAll(UUID, named),
    );
  }

  /** The same for the same history. */
  hash(): string {
    return createHash("sha256").update(this.lines().join("\n")).digest("hex").slice(0, 16);
  }
}
