import { BellhopError } from "../../base/errors.ts";
import type { FlowRunRecord } from "../../runs/flow-run.ts";
import type { RunFilter } from "../../runs/run-store.ts";
import { StateType } from "../../states/state-type.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { noteAbandoned } from "../dead-processes.ts";
import { paintState, stateSymbol } from "../state-look.ts";
import { type Column, idCell, table } from "../table.ts";
import { distanceText, durationText } from "../time-text.ts";
import { flowRunJson } from "../wire.ts";

export const runLs: CommandSpec = {
  options: [
    {
      flags: "--state <state>",
      text: "only runs in this state type or state name, e.g. failed, AwaitingRetry",
      many: true,
    },
    { flags: "--flow <name>", text: "only runs of this flow" },
    { flags: "--tag <tag>", text: "only runs with this tag" },
    { flags: "--limit <n>", text: "most runs shown, 1 to 200 (default 20)" },
  ],
  examples: [
    { line: "bellhop run ls", text: "the latest 20 runs" },
    { line: "bellhop run ls --state failed --state crashed --flow nightly", text: "what went wrong in one flow" },
    { line: "bellhop run ls --json | jq '.[].id'", text: "ids, for a script" },
  ],
  run: async (context) => {
    const core = await context.core();
    const runs = await core.store.runs.listFlowRuns(filterOf(context));
    context.out.value(runs.map(flowRunJson));
    if (runs.length === 0) context.out.note("No flow runs. Run a flow, or try: bellhop demo");
    else table(context.out, columns(context), runs);
    await noteAbandoned(context.out, core, runs);
  },
};

function filterOf({ options }: CommandContext): RunFilter {
  const words = options.list("state");
  const isType = (word: string): word is StateType => StateType.safeParse(word).success;
  const types = words.map((word) => word.toUpperCase()).filter(isType);
  const names = words.filter((word) => !isType(word.toUpperCase()));
  if (types.length > 0 && names.length > 0) {
    throw new BellhopError("cli_usage", {
      problem: `--state was given a state type and the state name "${names[0]}"`,
      next: `Give types (${StateType.options.join(", ").toLowerCase()}) or names, not both.`,
    });
  }
  const [flow, tag] = [options.text("flow"), options.text("tag")];
  return {
    limit: options.count("limit", { min: 1, max: 200 }) ?? 20,
    ...(types.length === 0 ? {} : { stateTypes: types }),
    ...(names.length === 0 ? {} : { stateNames: names }),
    ...(flow === undefined ? {} : { flowName: flow }),
    ...(tag === undefined ? {} : { tag }),
  };
}

function columns({ out, clock }: CommandContext): Column<FlowRunRecord>[] {
  const now = clock.now();
  return [
    { title: "ID", of: (run) => idCell(out, run.id) },
    { title: "FLOW", of: (run) => run.flowName },
    { title: "RUN", of: (run) => run.name, flexible: true },
    {
      title: "STATE",
      of: (run) => `${stateSymbol(run.state.type)} ${run.state.name}`,
      paint: (text, run) => paintState(out.paint, run.state.type, text),
    },
    { title: "TOOK", of: (run) => (run.totalRunTimeMicros === 0 ? "" : durationText(run.totalRunTimeMicros / 1_000)) },
    { title: "CREATED", of: (run) => distanceText(run.createdMicros / 1_000, now) },
  ];
}
