import type { Clock } from "../base/clock.ts";
import type { Lease } from "../runs/lease-store.ts";
import { isProcessAlive } from "./process-identity.ts";

/** Without a sign of life for this long, a process that cannot be looked at counts as dead. */
export const LEASE_EXPIRY_MS = 30_000;

/**
 * Clocks of two machines are not that far apart, whatever their time zones. So that a process which does not live long
 * enough to watch finds at least what was left the day before, e.g. by a machine that lost its power.
 */
const CLOCKS_APART_MS = 86_400_000;

interface Sighting {
  readonly heartbeatAtMs: number;
  /** When this heartbeat was first seen, on the monotonic clock of this process. */
  readonly sinceMs: number;
  /** It was another one before: the process lived while this one watched. */
  readonly hasChanged: boolean;
}

/**
 * What one process has seen of the heartbeats of others. Their values are compared with each other and never with a clock
 * of this machine: the clocks of two machines may differ, and any clock may be set.
 */
export class LeaseWatch {
  readonly #clock: Clock;
  #seen = new Map<string, Sighting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param leases All that there are, as just read; what was known of others is forgotten. */
  look(leases: readonly Lease[]): void {
    const sinceMs = this.#clock.monotonic();
    const seen = new Map<string, Sighting>();
    for (const { id, heartbeatAtMs } of leases) {
      const known = this.#seen.get(id);
      if (known?.heartbeatAtMs === heartbeatAtMs) seen.set(id, known);
      else seen.set(id, { heartbeatAtMs, sinceMs, hasChanged: known !== undefined });
    }
    this.#seen = seen;
  }

  /** `unknown`: it was not watched for long enough. */
  standing({ id }: Lease): "living" | "silent" | "unknown" {
    const known = this.#seen.get(id);
    if (known === undefined) return "unknown";
    if (this.#clock.monotonic() - known.sinceMs >= LEASE_EXPIRY_MS) return "silent";
    return known.hasChanged ? "living" : "unknown";
  }
}

export interface Looking {
  readonly clock: Clock;
  /** Default: looks at the processes of this machine. undefined: only the heartbeat can tell. */
  readonly isAlive?: (lease: Lease) => boolean | undefined;
  /** What this process has seen so far. Default: nothing, and the clocks decide. */
  readonly watch?: LeaseWatch;
  /** Of a process that was not watched for long enough, the clocks of both machines decide. Default: only without a watch. */
  readonly byClocks?: boolean;
}

/** Those of these leases, which are all but one's own, whose processes have ended, as far as it can be known. */
export function deadAmong(leases: readonly Lease[], { clock, isAlive, watch, byClocks }: Looking): Lease[] {
  const expiryMs = (byClocks ?? watch === undefined) ? LEASE_EXPIRY_MS : CLOCKS_APART_MS;
  watch?.look(leases);
  return leases.filter((lease) => {
    const known = isAlive === undefined ? isProcessAlive(lease, clock) : isAlive(lease);
    if (known !== undefined) return !known;
    const standing = watch?.standing(lease) ?? "unknown";
    // A heartbeat of the future says nothing.
    return standing === "unknown" ? clock.now() - lease.heartbeatAtMs > expiryMs : standing === "silent";
  });
}
