import { parseMicros } from "../../base/instant.ts";
import type { JsonValue } from "../../base/json.ts";
import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../runs/flow-run.ts";
import type { HookOutcome, StoredState } from "../../runs/run-store.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { noteAbandoned } from "../dead-processes.ts";
import { paintStatus, statusText } from "../delivery/outcome-text.ts";
import { findRun, headLine, RUN_ARGUMENT } from "../find-run.ts";
import type { Output } from "../output.ts";
import { paintState, stateSymbol } from "../state-look.ts";
import { facts, heading, idCell, table } from "../table.ts";
import { distanceText, durationText, localTime } from "../time-text.ts";
import { schemaText, wantedSchema } from "../wanted-input.ts";
import { attemptJson, deliveryJson, flowRunJson, hookOutcomeJson, storedStateJson, taskRunJson } from "../wire.ts";

interface Inspected {
  readonly run: FlowRunRecord;
  /** What a paused run is to be resumed with, as JSON Schema; null when it asks for nothing. */
  readonly wanted: JsonValue | null;
  readonly states: readonly StoredState[];
  readonly tasks: readonly { readonly run: TaskRunRecord; readonly states: readonly StoredState[] }[];
  readonly hooks: readonly HookOutcome[];
  readonly deliveries: readonly Told[];
}

interface Told {
  readonly delivery: Delivery;
  readonly attempts: readonly Attempt[];
}

export const runInspect: CommandSpec = {
  args: [RUN_ARGUMENT],
  examples: [
    { line: "bellhop run inspect crimson-fox", text: "everything known about the newest run of that name" },
    { line: "bellhop run inspect 01994f1f --json", text: "the same for a script, with every state of every task" },
  ],
  run: async (context) => {
    const found = await inspect(context);
    context.out.value({
      ...flowRunJson(found.run),
      ...(found.wanted === null ? {} : { input_schema: found.wanted }),
      states: found.states.map(storedStateJson),
      task_runs: found.tasks.map(({ run, states }) => ({ ...taskRunJson(run), states: states.map(storedStateJson) })),
      hooks: found.hooks.map(hookOutcomeJson),
      deliveries: found.deliveries.map(({ delivery, attempts }) => ({
        ...deliveryJson(delivery),
        attempt_log: attempts.map(attemptJson),
      })),
    });
    show(context, found);
    await noteAbandoned(context.out, await context.core(), [found.run]);
  },
};

async function inspect({ core, args }: CommandContext): Promise<Inspected> {
  const { runs, outbox } = (await core()).store;
  const run = await findRun(runs, args[0] ?? "");
  const taskRuns = await runs.listTaskRuns(run.id);
  const tasks = await Promise.all(
    taskRuns.map(async (task) => ({ run: task, states: await runs.listStates({ taskRunId: task.id }) })),
  );
  return {
    run,
    wanted: await wantedSchema(runs, run),
    tasks,
    states: await runs.listStates({ flowRunId: run.id }),
    hooks: await runs.listHookOutcomes(run.id),
    deliveries: await Promise.all(
      // Listed newest first.
      (await outbox.list({ flowRunId: run.id, limit: 200 }))
        .toReversed()
        .map(async (delivery) => ({ delivery, attempts: await outbox.attempts(delivery.id) })),
    ),
  };
}

function show({ out, clock }: CommandContext, { run, wanted, states, tasks, hooks, deliveries }: Inspected): void {
  const now = clock.now();
  out.line(headLine(out, run));
  out.line();
  facts(out, [
    ["id", run.id],
    ["message", run.state.message],
    ...waitingFacts(run, wanted, now),
    ["attempts", String(run.runCount)],
    ["created", `${localTime(run.createdMicros / 1_000)} (${distanceText(run.createdMicros / 1_000, now)})`],
    ["ran", run.totalRunTimeMicros === 0 ? null : durationText(run.totalRunTimeMicros / 1_000)],
    ["version", run.flowVersion],
    ["tags", run.tags.length === 0 ? null : run.tags.join(", ")],
    ["parameters", Object.keys(run.parameters).length === 0 ? null : JSON.stringify(run.parameters)],
  ]);
  showTold(out, { states, tasks, deliveries }, now);
  heading(out, "States");
  showStates(out, states);
  showTasks(out, run, tasks);
  showHooks(out, hooks);
}

/** What has to happen before a run that waits goes on. */
function waitingFacts({ id, state }: FlowRunRecord, wanted: JsonValue | null, now: number): [string, string | null][] {
  const at = (date: Date): string => `${localTime(date.getTime())} (${distanceText(date.getTime(), now)})`;
  const { scheduledTime, pauseTimeout } = state.stateDetails;
  if (state.isScheduled()) return [["starts", scheduledTime == null ? null : at(scheduledTime)]];
  if (!state.isPaused()) return [];
  const input = wanted === null ? "" : " --input '{…}'";
  return [
    ["waits for", wanted === null ? null : schemaText(wanted)],
    ["go on", `bellhop run resume ${id}${input}`],
    ["expires", pauseTimeout == null ? null : at(pauseTimeout)],
  ];
}

/** One line per state: when, counted from the first, and what it says. */
function showStates(out: Output, states: readonly StoredState[]): void {
  const at = (stored: StoredState): number => (parseMicros(stored.state.timestamp) ?? 0) / 1_000;
  const first = states[0] === undefined ? 0 : at(states[0]);
  const sinceFirst = (stored: StoredState): string => `+${durationText(at(stored) - first)}`;
  table(
    out,
    [
      { title: "AT", of: (stored) => localTime(at(stored)) },
      {
        title: "",
        of: (stored) => (at(stored) === first ? "" : sinceFirst(stored)),
        paint: (text) => out.paint.dim(text),
      },
      {
        title: "STATE",
        of: ({ state }) => `${stateSymbol(state.type)} ${state.name}`,
        paint: (text, { state }) => paintState(out.paint, state.type, text),
      },
      { title: "MESSAGE", of: ({ state }) => state.message ?? "", flexible: true },
    ],
    states,
  );
}

/** One line per task run; every state of each is in the JSON. */
function showTasks(out: Output, flowRun: FlowRunRecord, tasks: Inspected["tasks"]): void {
  if (tasks.length === 0) return;
  heading(out, "Tasks");
  const names = new Map(tasks.map(({ run }) => [run.id, run.name]));
  const hasInputs = tasks.some(({ run }) => upstreamIds(run).length > 0);
  const upstreams = (run: TaskRunRecord): string =>
    upstreamIds(run)
      .map((id) => names.get(id) ?? id)
      .join(", ");
  const started = ({ startMicros }: TaskRunRecord): string =>
    startMicros === null ? "" : `+${durationText((startMicros - flowRun.createdMicros) / 1_000)}`;
  table(
    out,
    [
      { title: "TASK", of: ({ run }) => run.name },
      {
        title: "STATE",
        of: ({ run }) => `${stateSymbol(run.state.type)} ${run.state.name}`,
        paint: (text, { run }) => paintState(out.paint, run.state.type, text),
      },
      { title: "ATTEMPTS", of: ({ run }) => String(run.runCount) },
      { title: "BEGAN", of: ({ run }) => started(run) },
      {
        title: "RAN",
        of: ({ run }) => (run.totalRunTimeMicros === 0 ? "" : durationText(run.totalRunTimeMicros / 1_000)),
      },
      ...(hasInputs ? [{ title: "AFTER", of: ({ run }: Inspected["tasks"][number]) => upstreams(run) }] : []),
      { title: "MESSAGE", of: ({ run }) => run.state.message ?? "", flexible: true },
    ],
    tasks,
  );
}

/** Task runs whose results or ends this one waited for, each once. */
function upstreamIds({ taskInputs = {} }: TaskRunRecord): string[] {
  const ids = Object.values(taskInputs)
    .flatMap((sources) => (Array.isArray(sources) ? sources : []))
    .map((source: unknown) =>
      typeof source === "object" && source !== null && "id" in source ? source.id : undefined,
    );
  return [...new Set(ids.filter((id) => typeof id === "string"))];
}

function showHooks(out: Output, hooks: readonly HookOutcome[]): void {
  if (hooks.length === 0) return;
  heading(out, "Hooks");
  table(
    out,
    [
      { title: "ON", of: (hook) => hook.event },
      { title: "HOOK", of: (hook) => hook.hook },
      {
        title: "RESULT",
        of: (hook) => hook.status,
        paint: (text, hook) => (hook.status === "completed" ? out.paint.good(text) : out.paint.bad(text)),
      },
      { title: "TOOK", of: (hook) => durationText(hook.durationMicros / 1_000) },
      {
        title: "ERROR",
        of: (hook) => (hook.error === null ? "" : `${hook.error.name}: ${hook.error.message}`),
        flexible: true,
      },
    ],
    hooks,
  );
}

/** The question that brings people here, so it comes first. */
function showTold(
  out: Output,
  { states, tasks, deliveries }: Pick<Inspected, "states" | "tasks" | "deliveries">,
  now: number,
): void {
  heading(out, "Who was told");
  if (deliveries.length === 0) {
    out.line("nobody: no hook with notify() matched a state of this run");
    return;
  }
  const names = new Map(
    [...states, ...tasks.flatMap((task) => task.states)].map(({ state }) => [state.id, state.name]),
  );
  table(
    out,
    [
      {
        title: "STATUS",
        of: ({ delivery, attempts }) => statusText(delivery, attempts),
        paint: (text, { delivery, attempts }) => paintStatus(out, text, [delivery, attempts]),
      },
      { title: "TO", of: ({ delivery }) => delivery.destination },
      { title: "ON", of: ({ delivery }) => names.get(delivery.stateId ?? "") ?? "" },
      { title: "DELIVERY", of: ({ delivery }) => idCell(out, delivery.id) },
      { title: "ATTEMPTS", of: (told) => attemptsText(told, now), flexible: true },
    ],
    deliveries,
  );
}

/** `1, 200`, `1, gone: no_service`, `2, next in 4 s: HTTP 503`. */
function attemptsText({ delivery, attempts }: Told, now: number): string {
  const last = attempts.at(-1);
  const count = String(delivery.attempts);
  if (delivery.status === "delivered") return last?.status == null ? count : `${count}, ${last.status}`;
  const next = delivery.status === "queued" ? `next ${distanceText(delivery.nextAttemptAtMs, now)}` : delivery.reason;
  const why = [next, delivery.detail].filter((part) => part !== null).join(": ");
  return why === "" ? count : `${count}, ${why}`;
}
