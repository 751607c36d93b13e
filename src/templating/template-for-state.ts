import type { StateType } from "../states/state-type.ts";

const BY_TYPE: Readonly<Partial<Record<StateType, string>>> = {
  COMPLETED: "run-completed",
  FAILED: "run-failed",
  CRASHED: "run-crashed",
  CANCELLED: "run-cancelled",
  CANCELLING: "run-cancelled",
};

/** The built-in message for a state; `default` for states that end or retry nothing. */
export function templateForState(type: StateType, name: string): string {
  if (name === "AwaitingRetry" || name === "Retrying") return "run-retrying";
  return BY_TYPE[type] ?? "default";
}
