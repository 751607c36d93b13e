import { messageOf } from "../base/errors.ts";
import { killPoint } from "../base/kill-points.ts";
import { redact } from "../base/redactor.ts";
import type { Outcome } from "../channel/outcome.ts";
import type { SendResult } from "../channel/transport.ts";
import { begin } from "./begin.ts";
import { type Deliver, logAttempt, type OpenDestination, sendOnce } from "./attempt.ts";
import { conclude, disabledOutcome, type EndedAttempt, historyFor, ifArrived } from "./conclude.ts";
import { JOINS_AT, LOW_WATER, mostClaimed, PARALLEL } from "./claim-size.ts";
import type { Delivery } from "./delivery.ts";
import { type Alerting, DestinationWatch } from "./destination-watch.ts";
import { type EndingParts, expire, giveUpOverdue } from "./overdue.ts";
import type { Decision } from "./retry-policy.ts";
import type { SettleQueue, StoreAccess, Traffic } from "./settle-queue.ts";
import { insist, storeBackoffMs } from "./store-backoff.ts";
import { SubjectLanes } from "./subject-lanes.ts";
import { createTokenBucket, type TokenBucket } from "./token-bucket.ts";

/** Step of the back-off, 200 to 400 ms, after which a claim is made again when the store failed. */
const CLAIM_BACKOFF_STEP = 4;

/** A block is loaded again after this, so that a changed one is soon used while a long backlog drains. */
const REOPEN_MS = 1_000;

export interface RunParts extends StoreAccess {
  readonly deliver: Deliver;
  readonly settle: SettleQueue;
  readonly traffic: Traffic;
  readonly leaseId: string;
  readonly newId: () => string;
  readonly alerting: Alerting;
  /** Asks for another run of this destination at that instant. */
  readonly wake: (atMs: number) => void;
  /** As `wake`, for the health of the destination; nothing waits for it. */
  readonly checkAt: (atMs: number) => void;
  /** True, once, if the destination was woken since the last call. */
  readonly takeWake: () => boolean;
  /** Breaks off the attempts of all runs that are out; they are stopped before. */
  readonly signal: AbortSignal;
  /** Kept from run to run: how fast this destination may be sent to. */
  readonly buckets: Map<string, TokenBucket>;
  readonly onSettled: (decision: Decision) => void;
  /** A result was not taken: somebody else has what this process had claimed. */
  readonly onLost: () => void;
}

/** `nothing` was to be had; or a `rest` was left that is due, and not to be had; or all is done that can be now. */
export type RunEnd = "nothing" | "rest" | "done";

/** One pass over one destination: claims and sends until nothing more is due, then ends. Only one may run at a time. */
export class DestinationRun {
  readonly #parts: RunParts;
  readonly #destination: string;
  readonly #watch: DestinationWatch;
  readonly #lanes = new SubjectLanes();
  /** Start of each attempt that is out, in order; monotonic milliseconds. */
  readonly #sendingSinceMs = new Map<string, number>();
  readonly #pending = new Set<Promise<void>>();
  #opened: { readonly destination: OpenDestination; readonly atMs: number } | undefined;
  #unsettled = 0;
  #claiming = false;
  /** The last claim gave less than was asked for: more can only come by a wake, or from behind what is out. */
  #short = false;
  /** The last claim left nothing that is due, or gave nothing while nothing was out. */
  #drained = false;
  /** What it left is due all the same: somebody else is at it, or a pause holds it. */
  #leftDue = false;
  /** The rate allows no more for now. */
  #limited = false;
  #claimedAny = false;
  #stopped = false;
  #pausedUntilMs = 0;
  #change: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(destination: string, parts: RunParts) {
    this.#destination = destination;
    this.#parts = parts;
    this.#watch = new DestinationWatch(destination, parts);
  }

  /** Deliveries whose attempt is out or not yet recorded. */
  get inFlight(): number {
    return this.#unsettled;
  }

  /** How long the oldest attempt has been out, milliseconds; 0 when none is. @param nowMs Monotonic. */
  busyMs(nowMs: number): number {
    const oldest = this.#sendingSinceMs.values().next();
    return oldest.done === true ? 0 : nowMs - oldest.value;
  }

  /** Starts no further attempt and gives back what has not started. */
  stop(): void {
    this.#stopped = true;
    this.#changed();
  }

  /** Sends nothing of what is claimed, because others may send it; what is still ours is given back. */
  forget(): void {
    this.#giveBack(this.#lanes.clear(), this.#parts.clock.now());
  }

  /** Resolves when everything is recorded or given back. */
  async run(): Promise<RunEnd> {
    while (!this.#isOver()) {
      this.#change = Promise.withResolvers();
      this.#fill();
      this.#startAttempts();
      if (this.#isOver()) break;
      await this.#change.promise;
    }
    await this.#finish();
    if (this.#limited || this.#isPaused()) return "done";
    if (!this.#claimedAny) return "nothing";
    return this.#leftDue ? "rest" : "done";
  }

  async #finish(): Promise<void> {
    const { clock, wake } = this.#parts;
    do {
      // A claim that was under way may still bring some.
      this.#giveBack(this.#lanes.clear(), Math.max(this.#pausedUntilMs, clock.now()));
      await Promise.all(this.#pending);
    } while (this.#pending.size > 0 || this.#lanes.waiting > 0);
    // Only once it has shown again that it takes nothing.
    if (this.#claimedAny && this.#watch.gate.kind === "wait") await giveUpOverdue(this.#endings());
    if (this.#limited && !this.#stopped) wake(clock.now() + (this.#bucket()?.waitMs(clock.monotonic()) ?? 0));
  }

  #isOver(): boolean {
    if (this.#stopped || this.#isPaused()) return true;
    return (this.#drained || this.#limited) && !this.#claiming && this.#isIdle();
  }

  #isIdle(): boolean {
    return this.#unsettled === 0 && this.#lanes.waiting === 0;
  }

  #isPaused(): boolean {
    return this.#pausedUntilMs > 0 && this.#pausedUntilMs > this.#parts.clock.now();
  }

  /** Lets {@link run} look again, once for all that changes in this turn. */
  #changed(): void {
    this.#change.resolve();
  }

  /** Keeps the promise until it ends, so that the run does not end before. @param ended Called then, first of all. */
  #track(work: Promise<void>, ended?: () => void): void {
    const untrack = (): void => {
      ended?.();
      this.#pending.delete(tracked);
      this.#changed();
    };
    const tracked = work.then(untrack, (error: unknown) => {
      const fields = { destination: this.#destination, error: redact(messageOf(error)) };
      this.#parts.log.error("dispatcher step failed", fields);
      untrack();
    });
    this.#pending.add(tracked);
  }

  #fill(): void {
    if (this.#claiming || this.#limited || this.#lanes.waiting >= this.#mostClaimed() * LOW_WATER) return;
    if (this.#parts.takeWake()) {
      this.#short = this.#drained = false;
      if (this.#watch.isCheckDue) this.#track(this.#watch.check());
    }
    // A test of the destination is one delivery, whose result the others wait for.
    if (this.#watch.gate.kind === "one" && !this.#isIdle()) return;
    // The store gives nothing of a subject that has a delivery out, so the last claim is made when nothing is.
    if (this.#drained || (this.#short && !this.#isIdle())) return;
    this.#claiming = true;
    this.#track(this.#claim(), () => (this.#claiming = false));
  }

  async #claim(): Promise<void> {
    const { clock, outbox, log, leaseId, wake, random, settle, traffic } = this.#parts;
    const wasIdle = this.#isIdle();
    try {
      if (this.#room() > 0) await this.#open();
      // Enough waits here and elsewhere until results are written anyway: then both are one transaction.
      if (this.#lanes.waiting * traffic.destinations >= JOINS_AT) await settle.nextWrite();
      const { gate } = this.#watch;
      if (gate.kind === "wait") return this.#pauseHere(gate.untilMs);
      const limit = this.#room();
      if (limit === 0 || this.#stopped || this.#isPaused()) return;
      const nowMs = clock.now();
      killPoint("claim:before");
      settle.flush();
      const request = { destination: this.#destination, leaseId, nowMs, limit };
      const { deliveries, nextDueAtMs } = await outbox.claim(request);
      killPoint("claim:after");
      const leavesDue = nextDueAtMs !== null && nextDueAtMs <= nowMs;
      this.#short = deliveries.length < limit;
      this.#leftDue = leavesDue && deliveries.length === 0;
      this.#drained = !leavesDue || (wasIdle && deliveries.length === 0);
      if (deliveries.length > 0) this.#claimedAny = true;
      this.#accept(deliveries, nowMs);
      if (nextDueAtMs !== null && !leavesDue) wake(nextDueAtMs);
    } catch (error) {
      log.warn("deliveries could not be claimed", { destination: this.#destination, error: redact(messageOf(error)) });
      this.#short = this.#drained = true;
      wake(clock.now() + storeBackoffMs(CLAIM_BACKOFF_STEP, random));
    }
  }

  async #open(): Promise<void> {
    const { clock, deliver, buckets } = this.#parts;
    if (this.#opened !== undefined && clock.monotonic() - this.#opened.atMs < REOPEN_MS) return;
    const destination = await deliver.open(this.#destination);
    await this.#watch.read();
    this.#watch.opened(destination);
    if (this.#watch.isCheckDue) await this.#watch.check();
    this.#opened = { destination, atMs: clock.monotonic() };
    if (destination.rate === null) buckets.delete(this.#destination);
    else if (!buckets.has(this.#destination)) buckets.set(this.#destination, createTokenBucket(destination.rate));
  }

  /** How many may be claimed: what the rate allows beyond those that wait already. Without room the run ends, and another follows. */
  #room(): number {
    const bucket = this.#bucket();
    const most = this.#mostClaimed();
    if (bucket === undefined) return most - this.#lanes.waiting;
    const free = Math.min(most, bucket.available(this.#parts.clock.monotonic())) - this.#lanes.waiting;
    if (free > 0) return free;
    this.#limited = true;
    return 0;
  }

  #mostClaimed(): number {
    return mostClaimed(this.#opened?.destination, this.#parts.traffic);
  }

  #bucket(): TokenBucket | undefined {
    // What is not sent takes no time of the provider's.
    if (this.#watch.gate.kind === "none") return undefined;
    return this.#parts.buckets.get(this.#destination);
  }

  #accept(claimed: readonly Delivery[], nowMs: number): void {
    for (const delivery of claimed) {
      if (delivery.expiresAtMs !== null && delivery.expiresAtMs <= nowMs) this.#track(this.#expire(delivery));
      else if (!this.#lanes.add(delivery, nowMs))
        this.#giveBack([delivery], this.#lanes.heldUntilMs(delivery.subject) ?? nowMs);
    }
  }

  #startAttempts(): void {
    const opened = this.#opened?.destination;
    if (opened === undefined) return;
    while (this.#mayStart()) {
      const delivery = this.#lanes.take();
      if (delivery === undefined) return;
      this.#bucket()?.take(this.#parts.clock.monotonic());
      this.#unsettled += 1;
      this.#track(this.#attempt(delivery, opened), () => (this.#unsettled -= 1));
    }
  }

  #mayStart(): boolean {
    if (this.#stopped || this.#isPaused() || this.#sendingSinceMs.size >= PARALLEL) return false;
    const { kind } = this.#watch.gate;
    // What a test comes to is known once it is recorded.
    return kind === "one" ? this.#unsettled === 0 : kind !== "wait";
  }

  async #attempt(delivery: Delivery, opened: OpenDestination): Promise<void> {
    const { clock, traffic, log } = this.#parts;
    const startedAtMs = clock.now();
    this.#sendingSinceMs.set(delivery.id, clock.monotonic());
    killPoint("attempt:before");
    const known = this.#knownOutcome(delivery, opened);
    const foreseen = known === null ? null : await known;
    if (foreseen === null && delivery.isSuspect === true && !(await this.#begins(delivery))) return;
    traffic.out += 1;
    const result: SendResult =
      foreseen === null
        ? await sendOnce(delivery, { opened, signal: this.#parts.signal, log })
        : { outcome: foreseen, durationMs: 0, status: null };
    killPoint("attempt:after");
    traffic.out -= 1;
    this.#sendingSinceMs.delete(delivery.id);
    const { outcome, durationMs, status, degraded } = result;
    if (this.#wasNotSent(outcome)) {
      this.#giveBack([delivery, ...this.#lanes.hold(delivery.subject, Infinity)], clock.now());
      return;
    }
    this.#changed();
    const attempt = {
      deliveryId: delivery.id,
      number: delivery.attempts + 1,
      startedAtMs,
      durationMs,
      outcome,
      status,
    };
    await this.#record({ delivery, attempt, opened, degraded, unsent: foreseen !== null });
  }

  /** Whether a suspect may be sent; else it is somebody else's, or given back. */
  async #begins(delivery: Delivery): Promise<boolean> {
    const { clock, random, onLost, wake } = this.#parts;
    const beginning = await begin(delivery, this.#parts);
    if (beginning === "begun") return true;
    this.#sendingSinceMs.delete(delivery.id);
    const retryAtMs = clock.now() + storeBackoffMs(CLAIM_BACKOFF_STEP, random);
    const behind = this.#lanes.hold(delivery.subject, retryAtMs);
    if (beginning === "lost") onLost();
    wake(retryAtMs);
    this.#giveBack(beginning === "lost" ? behind : [delivery, ...behind], retryAtMs);
    return false;
  }

  /** What the delivery comes to without being sent; null, without a wait, in the ordinary case. */
  #knownOutcome(delivery: Delivery, opened: OpenDestination): Promise<Outcome | null> | Outcome | null {
    const { gate } = this.#watch;
    if (gate.kind === "none") return disabledOutcome(gate.why);
    return delivery.uncertain && delivery.attempts > 0 ? ifArrived(delivery, opened, this.#parts) : null;
  }

  /** An attempt that was broken off before anything left the process is no attempt. */
  #wasNotSent(outcome: Outcome): boolean {
    return (
      this.#parts.signal.aborted && outcome.kind === "retry" && outcome.reason === "cancelled" && !outcome.ambiguous
    );
  }

  async #record(ended: EndedAttempt): Promise<void> {
    const { settle, wake, onSettled, onLost } = this.#parts;
    const { delivery, attempt } = ended;
    const earlier = historyFor(ended, this.#parts);
    const history = earlier instanceof Promise ? await earlier : earlier;
    const known = { watch: this.#watch, history, pausedUntilMs: this.#pausedUntilMs };
    const { decision, settlement, health, pauseUntilMs } = conclude(ended, known, this.#parts);
    // Held and paused before anything is written, so that no attempt starts meanwhile that should not.
    const retryAtMs = Math.max(decision.nextAttemptAtMs, pauseUntilMs ?? 0);
    const behind = decision.to === "queued" ? this.#lanes.hold(delivery.subject, retryAtMs) : [];
    if (pauseUntilMs !== null) await this.#pause(pauseUntilMs);
    this.#giveBack(behind, retryAtMs);
    logAttempt({ delivery, attempt, decision }, this.#parts);
    const written = await settle.push(settlement, health);
    if (!written) onLost();
    if (decision.to !== "queued") this.#lanes.done(delivery.subject);
    else if (written) wake(retryAtMs);
    if (written) onSettled(decision);
  }

  /** Ends this run; the next one comes at that instant. */
  #pauseHere(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    this.#changed();
    this.#parts.wake(untilMs);
  }

  async #pause(untilMs: number): Promise<void> {
    this.#pauseHere(untilMs);
    killPoint("pause:before");
    await this.#insist("the pause of a destination could not be stored", () =>
      this.#parts.outbox.pause(this.#destination, untilMs),
    );
    killPoint("pause:after");
  }

  #giveBack(deliveries: readonly Delivery[], nextAttemptAtMs: number): void {
    if (deliveries.length === 0) return;
    this.#drained = false;
    const ids = deliveries.map((delivery) => delivery.id);
    if (nextAttemptAtMs > this.#parts.clock.now()) this.#parts.wake(nextAttemptAtMs);
    killPoint("release:before");
    this.#track(
      this.#insist("claimed deliveries could not be given back", () =>
        this.#parts.outbox.release(ids, nextAttemptAtMs, this.#parts.leaseId),
      ),
    );
  }

  #expire(delivery: Delivery): Promise<void> {
    return expire(delivery, this.#endings());
  }

  #endings(): EndingParts {
    const { fallback, profile } = this.#opened?.destination ?? {};
    const [destination, watch, isStopped] = [this.#destination, this.#watch, () => this.#stopped];
    return { ...this.#parts, destination, watch, fallback, profile, isStopped };
  }

  #insist(message: string, write: () => Promise<unknown>): Promise<void> {
    return insist({ ...this.#parts, message, fields: { destination: this.#destination } }, write);
  }
}
