import { messageOf } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";
import type { StoreAccess } from "./settle-queue.ts";

/** How often is looked. What is found costs its recipient this much delay, and looking costs a query. */
const LOOK_EVERY_MS = 30_000;

/** Most that is looked at; there are seldom more than a few in flight, of all processes together. */
const MOST = 200;

interface ForgottenParts extends StoreAccess {
  readonly leaseId: string;
}

/**
 * Deliveries that this process holds, as the store has it, and that nobody in it works on: the answer to a claim was
 * lost, or giving them back failed for too long. Nobody else may take them while the process lives.
 */
export class Forgotten {
  readonly #parts: ForgottenParts;
  #lookedAtMs: number;
  /** Destinations that were worked on at some time during a look. */
  #busy: Set<string> | undefined;

  constructor(parts: ForgottenParts) {
    this.#parts = parts;
    // A process that has just started has forgotten nothing.
    this.#lookedAtMs = parts.clock.monotonic();
  }

  /** Work on a destination begins: what is claimed from now on is known. */
  onStart(destination: string): void {
    this.#busy?.add(destination);
  }

  /** Gives them back unattempted, if it is time to look. Never rejects. @param working Destinations that are worked on. */
  async giveBack(working: Iterable<string>): Promise<void> {
    const { outbox, clock, log, leaseId } = this.#parts;
    if (this.#busy !== undefined || clock.monotonic() - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#lookedAtMs = clock.monotonic();
    const busy = new Set(working);
    this.#busy = busy;
    try {
      const sending = await outbox.list({ status: ["sending"], limit: MOST });
      const own = sending.filter((delivery) => delivery.leaseId === leaseId && !busy.has(delivery.destination));
      if (own.length === 0) return;
      log.warn("claimed deliveries that nobody works on are given back", { count: own.length });
      const ids = own.map(({ id }) => id);
      await outbox.release(ids, clock.now(), leaseId);
    } catch (error) {
      log.warn("claimed deliveries could not be given back", { error: redact(messageOf(error)) });
    } finally {
      this.#busy = undefined;
    }
  }
}
