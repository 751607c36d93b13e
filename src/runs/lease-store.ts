/** A live process on the store. Runs and claimed deliveries name the lease that holds them. */
export interface Lease {
  /** UUIDv7, new per process. */
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  /** Changes with every boot of the machine, so that a process number from before is not taken for a living one. */
  readonly bootId: string;
  /** When the process began, in ticks after boot: with its number, which is given again, it is the process. Linux only. */
  readonly startTicks?: number;
  readonly startedAtMs: number;
  readonly heartbeatAtMs: number;
}

export interface LeaseStore {
  acquire(lease: Lease): Promise<void>;
  beat(id: string, nowMs: number): Promise<void>;
  /** All leases but this one, oldest first. */
  others(id: string): Promise<Lease[]>;
  /** Removes the lease; true for the one caller that removed it. Whoever gets true cleans up after it. */
  remove(id: string): Promise<boolean>;
  removeSync(id: string): void;
}
