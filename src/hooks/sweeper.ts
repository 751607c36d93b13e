import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { killPoint } from "../base/kill-points.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { Service } from "./services.ts";
import type { SweepReport } from "./sweep.ts";

/** How often a living process looks for dead ones and for deliveries that others left, milliseconds. */
const SWEEP_EVERY_MS = 30_000;

export interface SweeperParts {
  /** @param byClocks As in the sweep. */
  readonly sweep: (byClocks: boolean) => Promise<SweepReport>;
  /** Looks for due deliveries that this process did not enqueue. */
  readonly rescan: () => Promise<void>;
  /** What else is looked after from time to time, each at its own pace. Default: nothing. */
  readonly services?: readonly Service[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Sweeps at start and from time to time. Disposing waits for the sweep under way. */
export interface Sweeper extends AsyncDisposable {
  /** Sweeps now, by the clocks too. The report includes what was found by itself since the last call. */
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
export function startSweeper({ sweep, rescan, services = [], clock, log }: SweeperParts): Sweeper {
  let unreported = NOTHING;
  let timer: Disposable | undefined;
  let isClosed = false;

  const sweepNow = async (byClocks: boolean): Promise<void> => {
    unreported = add(unreported, await sweep(byClocks));
    killPoint("rescan:before");
    await rescan();
  };
  const turn = async (): Promise<void> => {
    try {
      await sweepNow(false);
    } catch (error) {
      log.warn("sweep failed", { error: redact(messageOf(error)), retryInMs: SWEEP_EVERY_MS });
    }
    if (!isClosed) timer = clock.timer(SWEEP_EVERY_MS, () => void (current = turn()), { keepAlive: false });
  };
  let current = turn();
  const loops = services.map((service) => startLoop(service, { clock, log }));

  return {
    settled: async () => {
      await current;
      await Promise.all(loops.map((loop) => loop.settled()));
    },
    sweep: async () => {
      await current;
      await sweepNow(true);
      const found = unreported;
      unreported = NOTHING;
      return found;
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
      await current;
      timer?.[Symbol.dispose]();
    },
  };
}

interface Loop extends AsyncDisposable {
  settled(): Promise<void>;
}

/** Runs the service again and again, the first time after its pause, so that a short process never pays for it. */
function startLoop(service: Service, { clock, log }: Pick<SweeperParts, "clock" | "log">): Loop {
  let timer: Disposable | undefined;
  let isClosed = false;
  let current: Promise<void> = Promise.resolve();
  const turn = async (): Promise<void> => {
    try {
      await service.run();
    } catch (error) {
      log.warn("a service failed", { service: service.name, error: redact(messageOf(error)) });
    }
    arm();
  };
  const arm = (): void => {
    if (!isClosed) timer = clock.timer(service.everyMs, () => void (current = turn()), { keepAlive: false });
  };
  arm();
  return {
    settled: () => current,
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      timer?.[Symbol.dispose]();
      await current;
    },
  };
}
