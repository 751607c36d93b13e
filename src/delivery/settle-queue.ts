import type { Clock } from "../base/clock.ts";
import { errorCode, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import { redact } from "../base/redactor.ts";
import type { Settlement } from "./delivery.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { storeBackoffMs } from "./store-backoff.ts";

/** Most results in one transaction, so that one batch never blocks other writers for long. */
const LARGEST_BATCH = 512;

/**
 * While other attempts are out, results gather for this long before they are written: a commit costs a flush of the disk,
 * and blocks the event loop meanwhile. Nothing waits for it but the next message of the same subject.
 */
const GATHER_MS = 4;
const GATHER_ENOUGH = 64;

/** Tries per result when the dispatcher stops; what is left then stays `sending`, and is recovered as uncertain. */
const LAST_TRIES = 3;
const LAST_TRY_WAIT_MS = 20;

interface Entry {
  readonly settlement: Settlement;
  readonly done: (written: boolean) => void;
}

/**
 * Writes results in batches: while one transaction runs, the next batch gathers. A result that cannot be written stays
 * here and is tried again, so that a busy store delays a delivery and never repeats it.
 */
export interface SettleQueue extends AsyncDisposable {
  /** Resolves with true when the result is durable; with false when the store refused it, or the queue was closed first. */
  push(settlement: Settlement): Promise<boolean>;
}

/** Attempts of this process that are out. */
export interface Traffic {
  out: number;
}

export interface StoreAccess {
  readonly outbox: OutboxStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export function openSettleQueue({ outbox, clock, random, log, traffic }: StoreAccess & { readonly traffic: Traffic }): SettleQueue {
  let waiting: Entry[] = [];
  const closing = new AbortController();
  let batchSize = LARGEST_BATCH;
  let failures = 0;
  let writing: Promise<void> | undefined;

  const onFailure = (error: unknown): void => {
    const [first, ...others] = waiting;
    if (batchSize === 1 && first !== undefined) {
      if (errorCode(error) === "delivery_move_refused") {
        // This process was taken for dead and the delivery was queued again: the result comes too late.
        log.warn("the result of an attempt was refused", { deliveryId: first.settlement.attempt.deliveryId, error: messageOf(error) });
        waiting = others;
        failures = 0;
        first.done(false);
        return;
      }
      // Last from now on: a single bad result must not hold up the others.
      waiting = [...others, first];
    }
    failures += 1;
    batchSize = 1;
    log.warn("results of deliveries could not be written", { count: waiting.length, tries: failures, error: redact(messageOf(error)) });
  };

  const writeBatch = async (): Promise<void> => {
    const batch = waiting.slice(0, batchSize);
    try {
      await outbox.settle(batch.map((entry) => entry.settlement));
    } catch (error) {
      onFailure(error);
      return;
    }
    failures = 0;
    batchSize = Math.min(LARGEST_BATCH, batchSize * 2);
    waiting = waiting.slice(batch.length);
    for (const entry of batch) entry.done(true);
  };

  const gather = async (): Promise<void> => {
    if (traffic.out === 0 || waiting.length >= GATHER_ENOUGH || failures > 0 || closing.signal.aborted) return;
    // An abort only ends the wait early.
    await clock.sleep(GATHER_MS, closing.signal).catch(() => undefined);
  };

  const pauseAfterFailure = async (): Promise<void> => {
    if (closing.signal.aborted) return clock.sleep(LAST_TRY_WAIT_MS);
    // An abort only ends the wait early: the last tries come now.
    await clock.sleep(storeBackoffMs(failures, random), closing.signal).catch(() => undefined);
  };

  const giveUp = (): void => {
    log.error("results of deliveries were left unwritten", { count: waiting.length });
    for (const entry of waiting) entry.done(false);
    waiting = [];
  };

  const writeAll = async (): Promise<void> => {
    // What is settled in the same turn goes into the same transaction.
    await Promise.resolve();
    while (waiting.length > 0) {
      await gather();
      await writeBatch();
      if (failures === 0) continue;
      if (closing.signal.aborted && failures >= LAST_TRIES * waiting.length) giveUp();
      else await pauseAfterFailure();
    }
    writing = undefined;
  };

  return {
    push: (settlement) =>
      new Promise((done) => {
        waiting.push({ settlement, done });
        writing ??= writeAll();
      }),
    async [Symbol.asyncDispose]() {
      failures = 0;
      closing.abort();
      await writing;
    },
  };
}
