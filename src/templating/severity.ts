import type { StateType } from "../states/state-type.ts";
import type { Severity } from "./context.ts";

/** Names that weigh differently from their type. */
const BY_NAME: Readonly<Record<string, Severity>> = {
  Late: "warning",
  AwaitingRetry: "warning",
  Retrying: "warning",
};

const BY_TYPE: Readonly<Record<StateType, Severity>> = {
  SCHEDULED: "info",
  PENDING: "info",
  RUNNING: "info",
  PAUSED: "info",
  CANCELLING: "warning",
  CANCELLED: "warning",
  COMPLETED: "success",
  FAILED: "error",
  CRASHED: "critical",
};

export interface SeverityLook {
  readonly emoji: string;
  /** `#RRGGBB`. */
  readonly color: string;
}

/** Symbol and colour of each severity; colour never stands alone. */
export const SEVERITY_LOOK: Readonly<Record<Severity, SeverityLook>> = {
  critical: { emoji: "🔥", color: "#8E1519" },
  error: { emoji: "❌", color: "#CF222E" },
  warning: { emoji: "⚠️", color: "#D29922" },
  info: { emoji: "ℹ️", color: "#2F81F7" },
  success: { emoji: "✅", color: "#2DA44E" },
};

export const isSeverity = (value: unknown): value is Severity =>
  typeof value === "string" && Object.hasOwn(SEVERITY_LOOK, value);

/** How much a state matters unless the hook says otherwise. */
export const severityOf = (type: StateType, name: string): Severity =>
  Object.hasOwn(BY_NAME, name) ? (BY_NAME[name] ?? BY_TYPE[type]) : BY_TYPE[type];
