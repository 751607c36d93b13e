import type { RetryProfileName } from "../../src/channel/channel.ts";
import type { SimDestination } from "./network.ts";
import { type Seeded, seeded } from "./seeded.ts";

/** What may go wrong in one simulation. */
export interface Faults {
  readonly destinations: boolean;
  readonly store: boolean;
  /** Calls take effect although they are answered with an error. */
  readonly lostAnswers: boolean;
  readonly locks: boolean;
  readonly deaths: boolean;
  readonly freezes: boolean;
  readonly clocks: boolean;
  readonly blocks: boolean;
  readonly keys: boolean;
  readonly people: boolean;
}

export interface Plan {
  readonly seed: string;
  readonly steps: number;
  readonly random: Seeded;
  readonly faults: Faults;
  readonly processes: number;
  readonly hosts: number;
  readonly concurrency: number;
  readonly destinations: readonly SimDestination[];
  readonly isSealed: boolean;
  /** Where people are told of trouble; null: nowhere. */
  readonly alertTo: string | null;
  /** Mean time between two actions, milliseconds. */
  readonly paceMs: number;
}

const PROFILES: readonly RetryProfileName[] = ["chat", "chat", "webhook", "page", "email", "sms"];

export const NO_FAULTS: Faults = {
  destinations: false,
  store: false,
  lostAnswers: false,
  locks: false,
  deaths: false,
  freezes: false,
  clocks: false,
  blocks: false,
  keys: false,
  people: false,
};

function drawFaults(random: Seeded): Faults {
  // Some simulations have trouble with destinations alone: there, what is sent elsewhere must be on time.
  if (random.chance(0.2)) return { ...NO_FAULTS, destinations: true };
  return {
    destinations: random.chance(0.9),
    store: random.chance(0.5),
    lostAnswers: random.chance(0.25),
    locks: random.chance(0.3),
    deaths: random.chance(0.7),
    freezes: random.chance(0.5),
    clocks: random.chance(0.35),
    blocks: random.chance(0.35),
    keys: random.chance(0.2),
    people: random.chance(0.35),
  };
}

function drawDestinations(random: Seeded, faults: Faults): SimDestination[] {
  return Array.from({ length: random.int(2, 7) }, (_, index): SimDestination => {
    const isSteady = index === 0;
    const slug = isSteady || random.chance(0.5) ? "custom-webhook" : "slack-webhook";
    const isDoomed = !isSteady && faults.destinations && random.chance(0.15);
    const fallback = !isSteady && random.chance(0.2) ? FIRST : null;
    return { ref: `${slug}/d${index}`, profile: random.pick(PROFILES), isSteady, isDoomed, fallback, mood: "well" };
  });
}

/** The first destination of every simulation; it is never in trouble. */
export const FIRST = "custom-webhook/d0";

/** Everything that is decided before a simulation begins. */
export function planOf(seed: string, steps: number, only: Partial<Faults> = {}): Plan {
  const random = seeded(seed);
  const faults = { ...drawFaults(random), ...only };
  return {
    seed,
    steps,
    random,
    faults,
    // Who is taken for dead must be looked at by somebody on another machine.
    processes: random.int(faults.freezes ? 2 : 1, 4),
    hosts: random.int(faults.freezes ? 2 : 1, 3),
    concurrency: random.pick([1, 2, 4, 64]),
    destinations: drawDestinations(random, faults),
    isSealed: random.chance(0.4),
    alertTo: random.chance(0.3) ? FIRST : null,
    paceMs: random.pick([150, 1_000, 5_000]),
  };
}
