import type { RunMessage } from "./context.ts";
import { exampleContexts, exampleForState } from "./example-contexts.ts";

export const SAMPLES = ["normal", "minimal", "hostile"] as const;
export type Sample = (typeof SAMPLES)[number];

type SampleState = Pick<RunMessage["state"], "name" | "type" | "message">;

/** The state that a template of this name is about; every other name is shown a failed run. */
const STATES: Readonly<Record<string, SampleState>> = {
  "run-crashed": {
    name: "Crashed",
    type: "CRASHED",
    message: "Process 4711 on worker-2 is gone (no heartbeat for 30s).",
  },
  "run-completed": { name: "Completed", type: "COMPLETED", message: "" },
  "run-retrying": { name: "AwaitingRetry", type: "SCHEDULED", message: "" },
  "run-cancelled": { name: "Cancelled", type: "CANCELLED", message: "Cancelled by ana" },
  default: { name: "Running", type: "RUNNING", message: "" },
};

/** The fixed context that a template is previewed and checked with. */
export function sampleFor(templateName: string, sample: Sample): RunMessage {
  const base = exampleContexts[sample];
  const state = Object.hasOwn(STATES, templateName) ? STATES[templateName] : undefined;
  if (state === undefined) return base;
  const isCrash = state.type === "CRASHED";
  const shown = sample === "hostile" ? { ...state, message: base.state.message } : state;
  return exampleForState(
    isCrash ? { ...base, error: null } : base,
    sample === "minimal" ? { ...state, message: "" } : shown,
  );
}
