import type { DeclaredHook } from "../runs/declared-hook.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import type { FlowRunRecord, RunRecord } from "../runs/flow-run.ts";
import type { State } from "../states/state.ts";

/** One state change of one run. */
export interface Transition {
  /** The flow or task object the run belongs to. */
  readonly object: unknown;
  /** The run; `run.state` is `to`. */
  readonly run: RunRecord;
  /** The flow run that a task run belongs to, so that messages about the task can name it; absent or null without one. */
  readonly flowRun?: FlowRunRecord | null;
  readonly from: State | null;
  readonly to: State;
  /** Declarative hooks stored with the run. */
  readonly declared: readonly DeclaredHook[];
  /** What was thrown, when an error led to `to`. */
  readonly error: unknown;
}

/** How other folders take part in state changes. The engine calls them in order and knows none of them. */
export interface TransitionListener {
  /** Deliveries that must be stored in the same transaction as the state. Must not throw and must not wait. */
  requests?(move: Transition): readonly DeliveryRequest[];
  /** Runs after the state is stored, inside the run's context. A throw is logged and changes nothing. */
  committed?(move: Transition): void | Promise<void>;
}
