import { BellhopError } from "../../src/base/errors.ts";
import type { Seeded } from "./seeded.ts";

/** What happens to one call of a store. */
export interface CallFault {
  /** Instead of taking effect. */
  readonly before?: BellhopError;
  /** Although it took effect. */
  readonly after?: BellhopError;
  /** Milliseconds until it begins. */
  readonly delayMs: number;
  /** Milliseconds until its answer arrives. */
  readonly answerMs: number;
}

export type StoreError = "busy" | "full" | "unavailable";

/** A stretch of time in which calls of a store go wrong. */
export interface Weather {
  readonly untilMs: number;
  readonly share: number;
  readonly error: StoreError;
  readonly loses: "call" | "answer";
  /** Mean delay of each call and of each answer, milliseconds. */
  readonly slowMs: number;
}

const FAIR: CallFault = { delayMs: 0, answerMs: 0 };
const PATH = "/simulated/bellhop.db";

function storeFailure(kind: StoreError): BellhopError {
  if (kind === "busy") return new BellhopError("store_busy", { path: PATH, waitedMs: 10_000 });
  if (kind === "full") return new BellhopError("store_full", { path: PATH });
  return new BellhopError("store_unavailable", { path: PATH, reason: "simulated" });
}

/** Draws what happens to calls. */
export class StoreFaults {
  readonly #random: Seeded;
  #weather: Weather | null = null;

  constructor(random: Seeded) {
    this.#random = random;
  }

  set(weather: Weather | null): void {
    this.#weather = weather;
  }

  draw(nowMs: number): CallFault {
    const weather = this.#weather;
    if (weather === null || nowMs >= weather.untilMs) return FAIR;
    const delays =
      weather.slowMs === 0
        ? FAIR
        : { delayMs: this.#random.wait(weather.slowMs), answerMs: this.#random.wait(weather.slowMs) };
    if (!this.#random.chance(weather.share)) return delays;
    const error = storeFailure(weather.error);
    return weather.loses === "call" ? { ...delays, before: error } : { ...delays, after: error };
  }
}
