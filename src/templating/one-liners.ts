import type { StateType } from "../states/state-type.ts";
import type { RunFacts } from "./context.ts";
import { durationText } from "./duration-text.ts";
import { fit } from "./fit.ts";

/** Room for a subject line on a phone; Source: common mail clients show 40 to 120 characters. */
const TITLE_GRAPHEMES = 120;
const SUMMARY_GRAPHEMES = 200;

/** The part of the context that one-liners are made from. */
export type TitleFacts = Pick<RunFacts, "flow" | "flow_run" | "task_run" | "state" | "retry" | "error" | "hub">;

/**
 * What happened, where and how bad, in one line of plain text of at most 120 characters:
 * `[prod] nightly-etl/daily failed: ValueError: bad row 17`.
 */
export function titleOf(facts: TitleFacts): string {
  const prefix = facts.hub.environment === null ? "" : `[${facts.hub.environment}] `;
  return oneLine(`${prefix}${subjectOf(facts)} ${verbOf(facts)}`, TITLE_GRAPHEMES);
}

/**
 * What the title does not say, for previews and mail preheaders: attempt, duration, where the error was raised.
 * One line of plain text, at most 200 characters; the state's display when there is nothing to add.
 */
export function summaryOf(facts: TitleFacts): string {
  const { error, retry, state } = facts;
  const duration = ranFor(facts);
  const parts = [
    retry === null || isRetry(facts) ? "" : `attempt ${retry.attempt} of ${retry.max}`,
    duration === "" ? "" : `${state.type === "COMPLETED" ? "took" : "after"} ${duration}`,
    error?.location === null || error === null ? "" : `at ${error.location}`,
    isRetry(facts) ? (error?.first_line ?? state.message) : "",
  ].filter((part) => part !== "");
  if (parts.length === 0)
    return oneLine(state.message === "" ? state.name : `${state.name}: ${state.message}`, SUMMARY_GRAPHEMES);
  const text = parts.join(", ");
  return oneLine(text.charAt(0).toUpperCase() + text.slice(1), SUMMARY_GRAPHEMES);
}

/** `flow/run`, `flow/run/task`, or the task alone when it runs outside a flow. */
function subjectOf({ flow, flow_run: run, task_run: task }: TitleFacts): string {
  const names = [flow?.name, run?.name, task?.name].filter((name) => name !== undefined && name !== "");
  return names.length === 0 ? "Run" : names.join("/");
}

function verbOf(facts: TitleFacts): string {
  const { state, retry } = facts;
  if (isRetry(facts)) {
    const attempt = retry === null ? "retrying" : `attempt ${retry.attempt} of ${retry.max}`;
    const delay = retry?.delay_seconds ?? 0;
    return `failed, ${attempt} ${delay > 0 ? `in ${durationText(delay)}` : "now"}`;
  }
  return VERBS[state.type](facts);
}

const VERBS: Readonly<Record<StateType, (facts: TitleFacts) => string>> = {
  SCHEDULED: ({ state }) => (state.name === "Late" ? "is late" : "is scheduled"),
  PENDING: () => "is pending",
  RUNNING: () => "is running",
  PAUSED: ({ state }) => (state.name === "Suspended" ? "is suspended" : "is paused"),
  CANCELLING: () => "is being cancelled",
  CANCELLED: ({ state }) => withDetail("was cancelled", state.message),
  COMPLETED: (facts) => {
    const duration = ranFor(facts);
    return `completed${duration === "" ? "" : ` in ${duration}`}`;
  },
  FAILED: (facts) => withDetail(facts.state.name === "TimedOut" ? "timed out" : "failed", reasonOf(facts)),
  CRASHED: (facts) => withDetail("crashed", reasonOf(facts)),
};

/** The error as `Type: first line`, else what the state says. */
function reasonOf({ error, state }: TitleFacts): string {
  if (error === null) return firstLine(state.message);
  return error.first_line === "" ? error.type : `${error.type}: ${error.first_line}`;
}

const withDetail = (verb: string, detail: string): string =>
  firstLine(detail) === "" ? verb : `${verb}: ${firstLine(detail)}`;

/** A retry was decided: the run will try again. */
const isRetry = ({ state }: TitleFacts): boolean => state.name === "AwaitingRetry" || state.name === "Retrying";

function ranFor({ task_run: task, flow_run: run }: TitleFacts): string {
  const seconds = task === null ? (run?.duration_seconds ?? null) : task.duration_seconds;
  return seconds === null ? "" : durationText(seconds);
}

const firstLine = (text: string): string => (text.trimStart().split(/[\r\n\u2028\u2029]/, 1)[0] ?? "").trimEnd();

/** Control characters, line ends included, become one space: a title may end up in a mail header. */
function oneLine(text: string, max: number): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  const flat = text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]+/g, " ").trim();
  return fit(flat, { max, unit: "graphemes" }).text;
}
