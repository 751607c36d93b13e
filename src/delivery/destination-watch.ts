import type { Clock } from "../base/clock.ts";
import type { HubEvent } from "../events/event.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import { openUntilMs } from "./breaker.ts";
import type { DestinationHealth, HealthNews } from "./delivery.ts";
import { ALL, type Gate, gateOf, withRevision } from "./gate.ts";
import { afterAttempt, afterTime, type HealthRules, type HealthStep, nextCheckMs, type Seen } from "./health.ts";
import { newsOf } from "./health-news.ts";
import type { OutboxStore } from "./outbox-store.ts";

/** How trouble of destinations is noticed and who is told. */
export interface Alerting {
  /** A destination that delivers nothing for this long, though it is tried, is failing. Default 15 minutes. */
  readonly failingAfterMs?: number;
  /** Destination of messages about trouble of the others; null or absent: there are events only. */
  readonly destination?: string | null;
}

const FAILING_AFTER_MS = 15 * 60_000;

/** Nobody is told of a destination's trouble through the destination itself. */
export const healthRules = (destination: string, alerting: Alerting): HealthRules => {
  const { failingAfterMs = FAILING_AFTER_MS, destination: alertTo = null } = alerting;
  return { failingAfterMs, tells: alertTo !== null && alertTo !== destination };
};

export interface WatchParts {
  readonly outbox: Pick<OutboxStore, "readHealth" | "changeHealth">;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly alerting: Alerting;
  /** Asks for another look at this destination at that instant, for its health alone. */
  readonly checkAt: (atMs: number) => void;
}

/** What is to be stored with the result of an attempt, beyond the result. */
export interface Observed {
  readonly health?: DestinationHealth;
  readonly also: readonly DeliveryRequest[];
  readonly events: readonly HubEvent[];
  /** The breaker has opened: until when nothing is sent. */
  readonly openUntilMs: number | null;
}

/** Least time between two looks, so that a store that lags behind is not asked again and again. */
const CHECK_AGAIN_MS = 1_000;

const UNCHANGED: Observed = { also: [], events: [], openUntilMs: null };

/** The health of one destination while a process works on it. Read once, then kept here, and stored as it changes. */
export class DestinationWatch {
  readonly #destination: string;
  readonly #parts: WatchParts;
  readonly #rules: HealthRules;
  #health: DestinationHealth | null = null;
  #revision: number | null = null;
  #isRead = false;

  constructor(destination: string, parts: WatchParts) {
    this.#destination = destination;
    this.#parts = parts;
    this.#rules = healthRules(destination, parts.alerting);
  }

  /** Reads the health, the first time. @throws the store's codes */
  async read(): Promise<void> {
    if (this.#isRead) return;
    this.#health = await this.#parts.outbox.readHealth(this.#destination);
    this.#isRead = true;
  }

  /** The destination was loaded; one that was changed since it was disabled is used again. */
  opened(revision: number | null): void {
    this.#revision = revision;
    this.#health = withRevision(this.#health, revision);
  }

  get gate(): Gate {
    return this.#health === null ? ALL : gateOf(this.#health, this.#parts.clock.now());
  }

  /** Its messages expire because it does not take them. */
  get isFailing(): boolean {
    return this.#health !== null && this.#health.failingSinceMs !== null;
  }

  /** Time has brought about something that is to be noticed. */
  get isCheckDue(): boolean {
    const atMs = nextCheckMs(this.#health, this.#rules);
    return atMs !== null && atMs <= this.#parts.clock.now();
  }

  observe(seen: Omit<Seen, "destination" | "revision">): Observed {
    const before = this.#health;
    const whole = { ...seen, destination: this.#destination, revision: this.#revision };
    const step = afterAttempt(before, whole, this.#rules);
    if (step === null) return UNCHANGED;
    this.#health = step.health;
    this.#plan(seen.nowMs + CHECK_AGAIN_MS);
    const { also = [], events = [] } = this.#newsOf(step, before, seen.nowMs);
    const wasOpen = before?.breaker === "open" && before.probeAtMs === step.health.probeAtMs;
    return { health: step.health, also, events, openUntilMs: wasOpen ? null : openUntilMs(step.health, seen.nowMs) };
  }

  /** Notices what the passing of time brings about, and stores it. @throws the store's codes */
  async check(): Promise<void> {
    const [known, nowMs] = [this.#health, this.#parts.clock.now()];
    if (afterTime(known, nowMs, this.#rules) !== null) {
      let changed: DestinationHealth | undefined;
      // Another process may look as well: what counts is what is stored.
      await this.#parts.outbox.changeHealth(this.#destination, (before) => {
        const step = afterTime(before, nowMs, this.#rules);
        changed = step?.health;
        return step === null ? null : { health: step.health, news: this.#newsOf(step, before, nowMs) };
      });
      if (changed !== undefined && this.#health === known) this.#health = withRevision(changed, this.#revision);
    }
    this.#plan(nowMs + CHECK_AGAIN_MS);
  }

  #newsOf(step: HealthStep, before: DestinationHealth | null, nowMs: number): HealthNews {
    const { newId, alerting } = this.#parts;
    return newsOf(step, { before, nowMs, alertTo: alerting.destination ?? null, newId });
  }

  #plan(earliestMs: number): void {
    const atMs = nextCheckMs(this.#health, this.#rules);
    if (atMs !== null) this.#parts.checkAt(Math.max(atMs, earliestMs));
  }
}
