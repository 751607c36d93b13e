import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { SweepReport } from "./sweep.ts";

/** How often a living process looks for dead ones and for deliveries that others left, milliseconds. */
const SWEEP_EVERY_MS = 30_000;

export interface SweeperParts {
  readonly sweep: () => Promise<SweepReport>;
  /** Looks for due deliveries that this process did not enqueue. */
  readonly rescan: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Sweeps at start and from time to time. Disposing waits for the sweep under way. */
export interface Sweeper extends AsyncDisposable {
  /** Sweeps now. The report includes what was found by itself since the last call. */
  sweep(): Promise<SweepReport>;
  /** Resolves when no sweep is under way. */
  settled(): Promise<void>;
}

const NOTHING: SweepReport = { leases: 0, crashed: [], recovered: 0 };

const add = (a: SweepReport, b: SweepReport): SweepReport => ({
  leases: a.leases + b.leases,
  crashed: [...a.crashed, ...b.crashed],
  recovered: a.recovered + b.recovered,
});

/** Starts the first sweep at once, without waiting for it. Its failures are logged and it is tried again later. */
export function startSweeper({ sweep, rescan, clock, log }: SweeperParts): Sweeper {
  let unreported = NOTHING;
  let timer: Disposable | undefined;
  let isClosed = false;

  const sweepNow = async (): Promise<void> => {
    unreported = add(unreported, await sweep());
    await rescan();
  };
  const turn = async (): Promise<void> => {
    try {
      await sweepNow();
    } catch (error) {
      log.warn("sweep failed", { error: redact(messageOf(error)), retryInMs: SWEEP_EVERY_MS });
    }
    if (!isClosed) timer = clock.timer(SWEEP_EVERY_MS, () => void (current = turn()), { keepAlive: false });
  };
  let current = turn();

  return {
    settled: () => current,
    sweep: async () => {
      await current;
      await sweepNow();
      const found = unreported;
      unreported = NOTHING;
      return found;
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      await current;
      timer?.[Symbol.dispose]();
    },
  };
}
