import type { Delivery } from "./delivery.ts";

/**
 * Claimed deliveries of one destination, one lane per subject. At most one delivery of a lane is out at a time, so that
 * messages about one subject arrive in order while different subjects go in parallel.
 */
export class SubjectLanes {
  readonly #waiting = new Map<string, Delivery[]>();
  /** Subjects whose first delivery may start, in order of arrival. */
  readonly #ready = new Set<string>();
  /** Subjects with a delivery that is out. */
  readonly #out = new Set<string>();
  /** Subjects whose earlier delivery waits for a retry, until when. */
  readonly #heldUntilMs = new Map<string, number>();
  #count = 0;

  /** Deliveries that wait here; those that are out are not among them. */
  get waiting(): number {
    return this.#count;
  }

  /** @returns false if an earlier delivery of the subject is to be tried later; the caller then gives this one back. */
  add(delivery: Delivery, nowMs: number): boolean {
    const { subject } = delivery;
    if ((this.#heldUntilMs.get(subject) ?? nowMs) > nowMs) return false;
    this.#heldUntilMs.delete(subject);
    const lane = this.#waiting.get(subject);
    if (lane === undefined) this.#waiting.set(subject, [delivery]);
    else lane.push(delivery);
    if (!this.#out.has(subject)) this.#ready.add(subject);
    this.#count += 1;
    return true;
  }

  /** Takes the next delivery that may start; `done` or `hold` must follow. */
  take(): Delivery | undefined {
    for (const subject of this.#ready) {
      this.#ready.delete(subject);
      const delivery = this.#waiting.get(subject)?.shift();
      if (delivery === undefined) continue;
      this.#out.add(subject);
      this.#count -= 1;
      return delivery;
    }
    return undefined;
  }

  /** The delivery that was out has ended: the next of its lane may start. */
  done(subject: string): void {
    this.#out.delete(subject);
    const lane = this.#waiting.get(subject);
    if (lane === undefined) return;
    if (lane.length === 0) this.#waiting.delete(subject);
    else this.#ready.add(subject);
  }

  /** The delivery that was out will be tried again at `untilMs`. Returns those behind it, which must not overtake it. */
  hold(subject: string, untilMs: number): Delivery[] {
    this.#out.delete(subject);
    this.#heldUntilMs.set(subject, untilMs);
    return this.#remove(subject);
  }

  heldUntilMs(subject: string): number | undefined {
    return this.#heldUntilMs.get(subject);
  }

  /** Takes out everything that has not started. */
  clear(): Delivery[] {
    return [...this.#waiting.keys()].flatMap((subject) => this.#remove(subject));
  }

  #remove(subject: string): Delivery[] {
    const lane = this.#waiting.get(subject) ?? [];
    this.#waiting.delete(subject);
    this.#ready.delete(subject);
    this.#count -= lane.length;
    return lane;
  }
}
