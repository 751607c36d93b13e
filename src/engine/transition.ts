import type { DeliveryRequest } from "../runs/delivery-request.ts";
import type { DeclaredHook } from "../runs/declared-hook.ts";
import type { RunRecord } from "../runs/flow-run.ts";
import type { State } from "../states/state.ts";

/** One state change of one run. */
export interface Transition {
  /** The flow or task object the run belongs to. */
  readonly object: unknown;
  /** The run; `run.state` is `from` while proposing and `to` afterwards. */
  readonly run: RunRecord;
  readonly from: State | null;
  readonly to: State;
  /** Declarative hooks stored with the run. */
  readonly declared: readonly DeclaredHook[];
  /** What was thrown, when an error led to `to`. */
  readonly error: unknown;
}

/** How other folders take part in state changes. The engine calls them in order and knows none of them. */
export interface TransitionListener {
  /** Runs before the state is stored and may return another one. A throw fails the run. */
  propose?(move: Transition): State | undefined | Promise<State | undefined>;
  /** Deliveries that must be stored in the same transaction as the state. Must not throw and must not wait. */
  requests?(move: Transition): readonly DeliveryRequest[];
  /** Runs after the state is stored. A throw is recorded and changes nothing. */
  committed?(move: Transition): void | Promise<void>;
}
