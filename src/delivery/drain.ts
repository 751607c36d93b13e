import { messageOf } from "../base/errors.ts";
import { killPoint } from "../base/kill-points.ts";
import { redact } from "../base/redactor.ts";
import type { DueDestination } from "./outbox-store.ts";
import type { StoreAccess } from "./settle-queue.ts";
import { storeBackoffMs } from "./store-backoff.ts";

export interface DrainOptions {
  /** Longest wait, milliseconds from now. */
  readonly deadlineMs: number;
  /** Ends the wait early; the report is given all the same. */
  readonly signal?: AbortSignal;
}

/** What a drain came to. Unit: deliveries. */
export interface DrainReport {
  readonly delivered: number;
  /** Still to be sent, by this process or the next one. 1,000 means at least that many. */
  readonly queued: number;
  /** Given up, with the reason on the delivery. */
  readonly dead: number;
  /** Attempts that were out when the wait ended. */
  readonly inFlight: number;
}

interface Totals {
  readonly delivered: number;
  readonly dead: number;
  readonly settled: number;
}

/** What the drain sees of its dispatcher. */
export interface DrainView extends StoreAccess {
  readonly wake: (destination: string) => void;
  /** Resolves when no destination is worked on. */
  readonly idle: () => Promise<void>;
  readonly totals: () => Totals;
  readonly inFlight: () => number;
}

/** How rarely a destination that another process works on is looked at. */
const LONGEST_LOOK_MS = 500;

const COUNT_PAGE = 200;
const COUNT_MOST = 1_000;

/**
 * Sends everything that is due, and what becomes due before the deadline: the next process may come late or never, so a
 * retry in two seconds is worth waiting for.
 */
export async function drain(options: DrainOptions, view: DrainView): Promise<DrainReport> {
  const { clock } = view;
  killPoint("drain:before");
  const before = view.totals();
  const untilMs = clock.monotonic() + options.deadlineMs;
  const over = new AbortController();
  const onAbort = () => over.abort();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  if (options.signal?.aborted === true) over.abort();
  // This timer is what holds the process open while the dispatcher's own do not.
  const deadline = clock.timer(options.deadlineMs, onAbort);
  try {
    await sendUntil(over.signal, untilMs, view);
  } finally {
    deadline[Symbol.dispose]();
    options.signal?.removeEventListener("abort", onAbort);
  }
  killPoint("drain:after");
  const { delivered, dead } = view.totals();
  return {
    delivered: delivered - before.delivered,
    dead: dead - before.dead,
    queued: await countQueued(view),
    inFlight: view.inFlight(),
  };
}

async function sendUntil(over: AbortSignal, untilMs: number, view: DrainView): Promise<void> {
  const { clock, random } = view;
  let fruitless = 0;
  let settledBefore = -1;
  while (!over.aborted) {
    await firstOf(view.idle(), over);
    if (over.aborted) return;
    let waitMs = await msUntilDue(view, untilMs);
    if (waitMs === null) return;
    if (waitMs === 0) {
      // Woken before, due and yet nothing moved: another process works on it, or the store is failing.
      const { settled } = view.totals();
      fruitless = settled === settledBefore ? fruitless + 1 : 0;
      settledBefore = settled;
      if (fruitless > 0) waitMs = Math.min(LONGEST_LOOK_MS, storeBackoffMs(fruitless, random));
    }
    // Rejects only when the wait is over, which the loop sees for itself.
    if (waitMs > 0) await clock.sleep(waitMs, over).catch(() => undefined);
  }
}

/** Wakes what is due. 0 when something is, milliseconds until something will be, null when nothing is before the deadline. */
async function msUntilDue(view: DrainView, untilMs: number): Promise<number | null> {
  const { outbox, clock, log, wake } = view;
  let due: readonly DueDestination[];
  try {
    due = await outbox.due();
  } catch (error) {
    log.warn("due deliveries could not be read", { error: redact(messageOf(error)) });
    return 0;
  }
  const nowMs = clock.now();
  for (const { destination, dueAtMs } of due) if (dueAtMs <= nowMs) wake(destination);
  const firstMs = due.reduce((first, { dueAtMs }) => Math.min(first, dueAtMs), Infinity);
  const waitMs = Math.max(0, firstMs - nowMs);
  return clock.monotonic() + waitMs < untilMs ? waitMs : null;
}

async function countQueued({ outbox, log }: DrainView): Promise<number> {
  let count = 0;
  try {
    while (count < COUNT_MOST) {
      const page = await outbox.list({ status: ["queued"], limit: COUNT_PAGE, offset: count });
      count += page.length;
      if (page.length < COUNT_PAGE) break;
    }
  } catch (error) {
    log.warn("queued deliveries could not be counted", { error: redact(messageOf(error)) });
  }
  return count;
}

/** Resolves when the work ends or the signal is aborted, and leaves no listener behind. */
async function firstOf(work: Promise<void>, over: AbortSignal): Promise<void> {
  if (over.aborted) return;
  const aborted = Promise.withResolvers<void>();
  const onAbort = () => aborted.resolve();
  over.addEventListener("abort", onAbort, { once: true });
  await Promise.race([work, aborted.promise]);
  over.removeEventListener("abort", onAbort);
}
