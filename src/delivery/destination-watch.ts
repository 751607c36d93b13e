import type { Clock } from "../base/clock.ts";
import type { HubEvent } from "../events/event.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import type { OpenDestination } from "./attempt.ts";
import { openUntilMs } from "./breaker.ts";
import type { DestinationHealth, HealthNews } from "./delivery.ts";
import { fallbackFor } from "./fallback.ts";
import { ALL, type Gate, gateOf, withRevision } from "./gate.ts";
import {
  afterAttempt,
  afterLook,
  afterLookAt,
  afterTime,
  type HealthRules,
  type HealthStep,
  nextCheckMs,
  type Seen,
} from "./health.ts";
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
  readonly outbox: Pick<OutboxStore, "readHealth" | "changeHealth" | "lost">;
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
  #fallback: string | undefined;
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
  opened({ revision = null, fallback }: Pick<OpenDestination, "revision" | "fallback">): void {
    this.#revision = revision;
    this.#fallback = fallback;
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
    const looked = known === null ? null : afterLook(known, known.givenUp, this.#rules);
    if (looked !== known || afterTime(known, nowMs, this.#rules) !== null) await this.lookAgain();
    else this.#plan(nowMs + CHECK_AGAIN_MS);
  }

  /**
   * As `check`, with what is stored: deliveries may have been given up without an attempt. What a process gave up by ending
   * with them gets its message in another place here, where it is known which.
   *
   * @throws the store's codes
   */
  async lookAgain(): Promise<void> {
    const { outbox, clock } = this.#parts;
    const nowMs = clock.now();
    const stored = await outbox.readHealth(this.#destination);
    const count = stored?.givenUp ?? 0;
    const unseen = count - (stored?.memory.givenUpSeen ?? 0);
    const also = unseen > 0 ? await this.#insteadOfLost(unseen) : [];
    let stage: { readonly before: DestinationHealth; readonly after: DestinationHealth } | undefined;
    // Another process may look as well: what counts is what is stored.
    await outbox.changeHealth(this.#destination, (before) => {
      if (before === null) return null;
      const looked = afterLook(before, count, this.#rules);
      const step = afterTime(looked, nowMs, this.#rules) ?? { health: looked, signs: {} };
      const { health } = step;
      stage = { before, after: health };
      if (health === before) return null;
      const news = this.#newsOf(step, before, nowMs);
      return { health, news: { ...news, also: [...also, ...(news.also ?? [])] } };
    });
    this.#adopt(stage);
    this.#plan(nowMs + CHECK_AGAIN_MS);
  }

  /** Results that are not written yet keep what is known here ahead of what is stored. */
  #adopt(stage: { readonly before: DestinationHealth; readonly after: DestinationHealth } | undefined): void {
    if (stage === undefined) return;
    const { before, after } = stage;
    const kept = this.#health;
    this.#health = kept === null ? withRevision(after, this.#revision) : afterLookAt(kept, before, after);
  }

  async #insteadOfLost(count: number): Promise<DeliveryRequest[]> {
    const { outbox, clock, newId } = this.#parts;
    const parts = { fallback: this.#fallback, nowMs: clock.now(), newId };
    const lost = await outbox.lost(this.#destination, count);
    return lost.flatMap((delivery) => fallbackFor(delivery, delivery, parts) ?? []);
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
