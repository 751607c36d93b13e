import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Sealer } from "../block/sealer.ts";
import type { ResultServices } from "../results/result-services.ts";
import type { RunLogStore } from "../runs/run-log.ts";
import type { RunStore } from "../runs/run-store.ts";
import type { RunControl } from "./control.ts";
import type { TransitionListener } from "./transition.ts";

/** What the engine needs to run flows and tasks; the composition root makes it. */
export interface EngineContext {
  readonly runs: RunStore;
  /** Where results are kept. Absent: they stay in memory. */
  readonly results?: ResultServices;
  /** Encrypts what runs are resumed with. Absent: it is stored as it is, known secrets masked. */
  readonly sealer?: Sealer;
  /** Tells the runs of this process what others do to them. Absent: nobody else can. */
  readonly control?: RunControl;
  /** Absent: what runs log goes to the log of the process only. */
  readonly logs?: RunLogStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Lease of this process; stored with every run it starts. */
  readonly leaseId: string;
  /** Called for every state change of every run, after the object's own listeners. */
  readonly listeners: readonly TransitionListener[];
  /** Base of links to runs, without a trailing slash; null when none is configured. */
  readonly uiUrl: string | null;
  readonly apiUrl: string | null;
  /** The process is about to end: sends what is due, within seconds, and closes. Absent: nothing is sent. */
  readonly finish?: () => Promise<void>;
}
