import type { Clock } from "../base/clock.ts";
import { errorCode, messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { killPoint } from "../base/kill-points.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { Lease, LeaseStore } from "../runs/lease-store.ts";
import { bootId, hostName, ownStartTicks } from "./process-identity.ts";

/** Sign of life. Six of them are missed before another machine takes the process for dead. */
const HEARTBEAT_MS = 5_000;

export interface LeaseParts {
  readonly leases: LeaseStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * This process's place among the living. Disposing gives it back; what the process leaves open all the same is then
 * found by the next sweep, as work without a living holder.
 */
export interface HeldLease extends AsyncDisposable {
  readonly id: string;
  /** Another process took this one for dead and ended its runs; what it starts from now on counts again. */
  readonly wasLost: boolean;
  /** As disposing, for the listener of the process's end. */
  removeSync(): void;
}

/** Announces this process to the others on the store, and goes on doing so while it lives. */
export async function holdLease({ leases, clock, log }: LeaseParts): Promise<HeldLease> {
  const nowMs = clock.now();
  const lease: Lease = {
    id: newId(),
    pid: process.pid,
    host: hostName(),
    bootId: bootId(clock),
    ...ownStartTicks(),
    startedAtMs: nowMs,
    heartbeatAtMs: nowMs,
  };
  killPoint("lease-acquire:before");
  await leases.acquire(lease);
  killPoint("lease-acquire:after");
  let wasLost = false;
  let isClosed = false;
  let timer: Disposable;
  let beating: Promise<void> = Promise.resolve();

  const beat = async (): Promise<void> => {
    try {
      killPoint("lease-beat:before");
      await leases.beat(lease.id, clock.now());
      killPoint("lease-beat:after");
    } catch (error) {
      if (errorCode(error) === "lease_lost" && !isClosed) {
        wasLost = true;
        log.error("this process was taken for dead; its runs were ended as Crashed", { leaseId: lease.id });
        await leases.acquire({ ...lease, heartbeatAtMs: clock.now() });
      } else log.warn("heartbeat could not be stored", { leaseId: lease.id, error: redact(messageOf(error)) });
    }
  };

  const arm = (): void => {
    timer = clock.timer(
      HEARTBEAT_MS,
      () => {
        beating = beat()
          // The next heartbeat tries again.
          .catch((error: unknown) =>
            log.warn("lease could not be renewed", { leaseId: lease.id, error: redact(messageOf(error)) }),
          )
          .finally(() => {
            if (!isClosed) arm();
          });
      },
      { keepAlive: false },
    );
  };
  arm();

  const stop = (): void => {
    isClosed = true;
    timer[Symbol.dispose]();
  };

  return {
    id: lease.id,
    get wasLost() {
      return wasLost;
    },
    removeSync() {
      stop();
      leases.removeSync(lease.id);
    },
    async [Symbol.asyncDispose]() {
      if (isClosed) return;
      stop();
      await beating;
      killPoint("lease-remove:before");
      await leases.remove(lease.id);
      killPoint("lease-remove:after");
    },
  };
}
