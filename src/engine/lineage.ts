import type { JsonObject } from "../base/json.ts";
import { redact } from "../base/redactor.ts";
import { isState } from "../states/state.ts";
import { Annotation } from "./annotations.ts";
import { itemsOf, visitObjects } from "./containers.ts";
import { Future } from "./future.ts";
import { namedParameters } from "./run-name.ts";
import { waitForList } from "./upstream.ts";

/** Where an argument came from, as stored. Source: Prefect 3, TaskRunResult and FlowRunResult. */
type RunInput = { readonly input_type: "task_run" | "flow_run"; readonly id: string };

interface Origin {
  readonly input: RunInput;
  /** Origins count inside one flow run. */
  readonly flowRunId: string | null;
}

/** Parts of a longer list are not remembered one by one, only the list. */
const MAX_PARTS = 100;
/** Arguments are searched for origins up to this many objects. */
const MAX_SEARCHED = 10_000;

const origins = new WeakMap<object, Origin>();

const isTrackable = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function";

/**
 * Remembers which run returned this object, and the objects directly in it, so that runs which get it later are known
 * to depend on that run. Texts, numbers and the like have no identity, so their origin stays unknown.
 *
 * @param flowRunId The flow run in which the value is passed on. Source: Prefect 3, link_state_to_result.
 */
export function rememberOrigin(
  value: unknown,
  run: { kind: "task" | "flow"; id: string },
  flowRunId: string | null,
): void {
  if (!isTrackable(value)) return;
  const origin: Origin = { input: { input_type: `${run.kind}_run`, id: run.id }, flowRunId };
  origins.set(value, origin);
  let parts = 0;
  for (const part of itemsOf(value) ?? []) {
    parts += 1;
    if (parts > MAX_PARTS) return;
    if (isTrackable(part)) origins.set(part, origin);
  }
}

export interface LineageOptions {
  /** The flow run around. */
  readonly flowRunId?: string | null;
  /** What `map` took apart: for each argument the list, or the future of a list, that its item came from. */
  readonly sources?: readonly unknown[];
  /** The task run around, for a task called in a task. */
  readonly parentTaskRunId?: string | null;
}

const NO_INPUTS: JsonObject = Object.freeze({});
const NO_OPTIONS: LineageOptions = Object.freeze({});

/**
 * The runs that this call's arguments come from, by parameter: `{ "table": [{ "input_type": "task_run", "id": "…" }] }`,
 * with `wait_for` and `__parents__` beside the parameters. Empty when none is known.
 * Source: Prefect 3, TaskRun.task_inputs.
 */
export function lineageOf(
  args: readonly unknown[],
  waitFor?: Iterable<unknown>,
  { flowRunId = null, sources, parentTaskRunId }: LineageOptions = NO_OPTIONS,
): JsonObject {
  if (waitFor === undefined && sources === undefined && parentTaskRunId == null && !args.some(isTrackable))
    return NO_INPUTS;
  const byName = inputsByName(args, flowRunId);
  if (sources !== undefined) addSources(byName, sources, flowRunId);
  if (parentTaskRunId != null) byName.push(["__parents__", [{ input_type: "task_run", id: parentTaskRunId }]]);
  const waited = waitFor === undefined ? [] : inputsIn(isOneShot(waitFor) ? [] : waitForList(waitFor), flowRunId);
  if (waited.length === 0 && byName.every(([, inputs]) => inputs.length === 0)) return NO_INPUTS;
  if (waitFor !== undefined) byName.push(["wait_for", waited]);
  return Object.fromEntries(byName.map(([name, inputs]) => [redact(name), inputs]));
}

function inputsByName(args: readonly unknown[], flowRunId: string | null): [string, RunInput[]][] {
  const parameters = namedParameters(args);
  const byName = Object.entries(parameters).map(([name, value]): [string, RunInput[]] => [
    name,
    inputsIn(value, flowRunId),
  ]);
  // A single object literal gives its keys as names; when a run returned it, all of them come from there.
  const whole = args.length === 1 && args[0] === parameters ? inputOf(parameters, flowRunId) : undefined;
  if (whole === undefined) return byName;
  if (byName.length === 0) return [["arg0", [whole]]];
  for (const [, inputs] of byName) addOnce(inputs, whole);
  return byName;
}

function addOnce(inputs: RunInput[], input: RunInput): void {
  if (!inputs.some(({ id }) => id === input.id)) inputs.push(input);
}

/** A generator can be looked through once only, and that is for the wait itself. */
const isOneShot = (waitFor: Iterable<unknown>): boolean => "next" in waitFor;

/** What was mapped over came out of a run, although its items may be plain numbers. */
function addSources(byName: [string, RunInput[]][], sources: readonly unknown[], flowRunId: string | null): void {
  // A single object literal gives its own keys as names; it is never a list, so it has no source either.
  if (byName.length !== sources.length) return;
  for (const [index, source] of sources.entries()) {
    const inputs = byName[index]?.[1];
    const input = isTrackable(source) ? inputOf(source, flowRunId) : undefined;
    if (inputs !== undefined && input !== undefined) addOnce(inputs, input);
  }
}

function inputsIn(value: unknown, flowRunId: string | null): RunInput[] {
  const found = new Map<string, RunInput>();
  let searched = 0;
  const search = (inner: unknown): void =>
    visitObjects(inner, (item) => {
      const input = inputOf(item, flowRunId);
      if (input !== undefined) found.set(input.id, input);
      else if (Annotation.is(item)) search(item.value);
      searched += 1;
      return searched < MAX_SEARCHED ? "go-on" : "stop";
    });
  if (typeof value === "function") {
    const input = inputOf(value, flowRunId);
    return input === undefined ? [] : [input];
  }
  search(value);
  return [...found.values()];
}

function inputOf(item: object, flowRunId: string | null): RunInput | undefined {
  if (Future.is(item)) {
    return item.taskRunId === null
      ? { input_type: "flow_run", id: item.id }
      : { input_type: "task_run", id: item.taskRunId };
  }
  if (isState(item)) {
    const { taskRunId } = item.stateDetails;
    return taskRunId == null ? undefined : { input_type: "task_run", id: taskRunId };
  }
  const origin = origins.get(item);
  return origin?.flowRunId === flowRunId ? origin.input : undefined;
}
