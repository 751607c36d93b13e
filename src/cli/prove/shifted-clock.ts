import { type Clock, systemClock } from "../../base/clock.ts";

export interface ClockShift {
  /** How far the wall clock is ahead of the machine's, milliseconds; negative: behind. */
  readonly offsetMs: number;
  /** How many times faster it runs. Default 1. */
  readonly rate?: number;
}

/** A clock that is wrong, and that can be set while it runs, as a machine's can. */
export interface ShiftedClock extends Clock {
  /** The wall clock is set by so much; what waits goes on waiting. */
  jump(ms: number): void;
}

export function shiftedClock({ offsetMs, rate = 1 }: ClockShift): ShiftedClock {
  let offset = offsetMs;
  const zeroMs = systemClock.now();
  const zeroMonotonicMs = systemClock.monotonic();
  let lastMicros = 0;
  const elapsedMs = (): number => (systemClock.monotonic() - zeroMonotonicMs) * rate;
  const nowMs = (): number => zeroMs + elapsedMs() + offset;
  return {
    now: () => Math.floor(nowMs()),
    nowMicros: () => {
      lastMicros = Math.max(lastMicros + 1, Math.floor(nowMs() * 1_000));
      return lastMicros;
    },
    monotonic: elapsedMs,
    sleep: (ms, signal) => systemClock.sleep(ms / rate, signal),
    timer: (ms, fn, options) => systemClock.timer(ms / rate, fn, options),
    jump: (ms) => {
      offset += ms;
    },
  };
}
