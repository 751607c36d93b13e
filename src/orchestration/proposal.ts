import type { State } from "../states/state.ts";
import type { MovingPolicy } from "./policy.ts";

/** A state that somebody wants a flow run to enter, and what the rules look at. */
export interface Proposal {
  readonly from: State | null;
  readonly to: State;
  /** Wall clock, epoch milliseconds. */
  readonly nowMs: number;
  /** Attempts begun so far. */
  readonly runCount: number;
  readonly retries: number;
  /** Wait before the next attempt, jitter included. Only asked when there is one. */
  readonly retryDelaySeconds: () => number;
  /** What the run remembers; default: nothing. */
  readonly policy?: MovingPolicy;
  /** A process has been started for the run. Default true: who runs it proposes. */
  readonly hasProcess?: boolean;
  /** The run can be started again by itself, from its deployment. Default false. */
  readonly hasDeployment?: boolean;
  /** A task run stands for the run in a parent. Default false. */
  readonly isSubflow?: boolean;
  /** Skips all rules but the cancelling of what does not run, and the protection of stored results. Default false. */
  readonly force?: boolean;
}

/** What a written state changes beside the run's state; not there when nothing is written. */
export interface Effects {
  /** The policy after it; the very object of the proposal when it stays. */
  readonly policy?: MovingPolicy;
  /** The books must not count it as another attempt. */
  readonly isResume?: boolean;
}

export type Decision =
  | ({ readonly kind: "accept"; readonly state: State } & Effects)
  /** `state` is written instead; null: nothing is, the run stays where it is. */
  | ({ readonly kind: "reject"; readonly state: State | null; readonly reason: string } & Effects)
  | { readonly kind: "wait"; readonly waitMs: number; readonly reason: string }
  | { readonly kind: "abort"; readonly reason: string };

export type Rule = (proposal: Proposal) => Decision;
