import { BellhopError } from "../base/errors.ts";
import type { FlowRunRecord } from "../runs/flow-run.ts";
import type { RunStore } from "../runs/run-store.ts";
import type { ArgumentSpec } from "./command.ts";
import type { Output } from "./output.ts";
import { paintState, stateSymbol } from "./state-look.ts";
import { safeLine } from "./terminal-text.ts";

/** How every command that is about one flow run is told which. */
export const RUN_ARGUMENT: ArgumentSpec = {
  name: "id|name",
  text: "id of the run, or as much of it as no other has, or its name (the newest of that name)",
};

/** @throws run_not_found */
export async function findRun(runs: Pick<RunStore, "findFlowRun">, asked: string): Promise<FlowRunRecord> {
  const run = await runs.findFlowRun(asked);
  if (run === null) throw new BellhopError("run_not_found", { run: asked });
  return run;
}

/** `✗ Failed  nightly / crimson-fox`. */
export function headLine({ paint }: Pick<Output, "paint">, { state, flowName, name }: FlowRunRecord): string {
  const head = paintState(paint, state.type, `${stateSymbol(state.type)} ${safeLine(state.name)}`);
  return `${head}  ${paint.bold(safeLine(`${flowName} / ${name}`))}`;
}
