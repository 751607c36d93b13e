import { SINK_SLUG } from "./sink-block.ts";

/**
 * What the sink may do with a request.
 * - `ok`, `slow`: takes the message; the answer to the second comes in pieces.
 * - `drop`, `mute`: takes the message, and then resets the connection, or never answers.
 * - `reset`, `hang`: neither takes it nor answers.
 * - `limit`: 429 with Retry-After. `error`: 5xx. `refuse`: 400, for good.
 */
export type Behaviour = "ok" | "slow" | "drop" | "mute" | "reset" | "hang" | "limit" | "error" | "refuse";

export const ACCEPTS: ReadonlySet<Behaviour> = new Set<Behaviour>(["ok", "slow", "drop", "mute"]);

/** Share of the requests that are not simply taken, by destination. What is missing to 1 is `ok`. */
export const DESTINATIONS: Readonly<Record<string, Partial<Record<Behaviour, number>>>> = {
  steady: {},
  quick: {},
  slow: { slow: 0.4 },
  limited: { limit: 0.15 },
  failing: { error: 0.4 },
  hanging: { hang: 0.04, mute: 0.02 },
  resetting: { reset: 0.25 },
  dropping: { drop: 0.25 },
  refusing: { refuse: 0.05 },
  mixed: { slow: 0.05, drop: 0.05, reset: 0.05, limit: 0.03, error: 0.1, hang: 0.01, mute: 0.01 },
};

export const DESTINATION_NAMES: readonly string[] = Object.keys(DESTINATIONS);

export const refOf = (name: string): string => `${SINK_SLUG}/${name}`;
