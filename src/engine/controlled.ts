import type { FlowRunRecord } from "../runs/flow-run.ts";
import type { ActiveRun } from "./active-run.ts";
import { interruptInside, interruptTree } from "./active-runs.ts";
import type { ControlledRun } from "./control.ts";
import { endedByOthers } from "./ended-by-others.ts";
import { mirrorMoved } from "./enter.ts";
import { type Interruption, interruptedByCancel, interruptedByOthers } from "./interruption.ts";
import { follow } from "./move-flow-run.ts";
import { Pause } from "./pause-errors.ts";
import { pauseGateOf } from "./pause-gate.ts";

/** What others may do to a flow run of this process. */
export function controlled(run: ActiveRun, record: FlowRunRecord): ControlledRun {
  return {
    id: record.id,
    get state() {
      return record.state;
    },
    onCancelling: () => void interruptTree(run, interruptedByCancel()),
    onSuspended: (stored) => {
      follow(record, stored);
      mirrorMoved(run);
      // A pause that waits in the process lets code under way go on, and starts no task.
      if (stored.state.stateDetails.pauseReschedule !== true) pauseGateOf(record).close();
      // Not stopped where it is: it stops at its next call of the engine.
      else run.interruption ??= interruptedByOthers(new Pause({ run: record.name, state: stored.state.name }));
    },
    onResumed: (stored) => {
      follow(record, stored);
      mirrorMoved(run);
      pauseGateOf(record).open();
    },
    onEnded: (stored) => {
      follow(record, stored);
      mirrorMoved(run);
      void stop(run, endedByOthers(stored.state));
    },
  };
}

/** Ends what is inside the run, and stops waiting for its body; its own state is final already. */
async function stop(run: ActiveRun, interruption: Interruption): Promise<void> {
  run.interruption ??= interruption;
  await interruptInside(run, interruption);
  run.interrupt(interruption);
}
