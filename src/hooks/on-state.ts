import type { TransitionListener } from "../engine/transition.ts";
import { isRetryDecision } from "../orchestration/retry.ts";
import type { StateType } from "../states/state-type.ts";
import type { HookFn } from "./hook.ts";
import { runHook } from "./run-hook.ts";

/**
 * When each list of hooks fires: on the committed type, whatever the name; `retries` is about a decision, not a type.
 * Cancelling, not Cancelled: by then there is nothing left to clean up. This is also the order in which the lists run.
 */
export const FIRES_ON = {
  onRetry: { on: [], retries: true },
  onRunning: { on: ["RUNNING"], retries: false },
  onCompletion: { on: ["COMPLETED"], retries: false },
  onFailure: { on: ["FAILED"], retries: false },
  onCancellation: { on: ["CANCELLING"], retries: false },
  onCrashed: { on: ["CRASHED"], retries: false },
} as const satisfies Record<string, { readonly on: readonly StateType[]; readonly retries: boolean }>;

export type HookEvent = keyof typeof FIRES_ON;

/** The hook as a participant in state changes. */
export function onEvent(event: HookEvent, hook: HookFn, timeoutSeconds: number | null): TransitionListener {
  const { on, retries } = FIRES_ON[event];
  const [type] = on;
  return {
    committed: (move) => {
      const fires = retries ? isRetryDecision(move.from, move.to) : move.to.type === type;
      return fires ? runHook(event, hook, move, timeoutSeconds) : undefined;
    },
  };
}
