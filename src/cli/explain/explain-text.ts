import type { Attempt } from "../../delivery/delivery.ts";
import { headLine } from "../find-run.ts";
import type { Output } from "../output.ts";
import { answerText, outcomeText, paintStatus, statusText } from "../delivery/outcome-text.ts";
import { originText } from "../delivery/links.ts";
import { waitingText } from "../delivery/waiting.ts";
import { paintState, stateSymbol } from "../state-look.ts";
import { heading } from "../table.ts";
import { safeLine, safeText, wrapColumns } from "../terminal-text.ts";
import { durationText, localTime } from "../time-text.ts";
import { type Decision, eventsOf, type Step } from "./decisions.ts";
import type { Facts, Life, Told } from "./facts.ts";
import type { Verdict, Verdicts } from "./verdicts.ts";

interface Explanation extends Verdicts {
  readonly facts: Facts;
  readonly steps: readonly Step[];
  readonly nowMs: number;
}

/** The explanation for people: first the answer, then how it came about. */
export function showExplanation(out: Output, explanation: Explanation): void {
  const { facts, steps, verdicts, remarks } = explanation;
  out.line(headLine(out, facts.run));
  const told = verdicts.filter(({ isTold }) => isTold);
  const others = verdicts.filter(({ isTold }) => !isTold);
  heading(out, "Who was told");
  if (told.length === 0) out.line("Nobody.");
  for (const verdict of told) sentence(out, out.paint.good("✓"), verdict.text);
  if (others.length > 0) heading(out, "Who was not told, and why");
  for (const verdict of others) sentence(out, markOf(out, verdict), verdict.text);
  if (remarks.length > 0) heading(out, "Remarks");
  for (const remark of remarks) sentence(out, out.paint.warn("!"), remark);
  heading(out, "What happened");
  showSteps(out, explanation);
  showOthers(out, facts, steps, explanation.nowMs);
  showRest(out, facts);
}

function markOf({ paint }: Output, { why }: Verdict): string {
  if (why === "dead") return paint.bad("✗");
  return why === "waiting" || why === "sending" ? paint.warn("◷") : paint.dim("–");
}

/** A mark, and text that continues below itself. */
function sentence(out: Output, mark: string, text: string): void {
  indented(out, 2, text).forEach((line, at) => out.line(at === 0 ? `${mark} ${line.trimStart()}` : line));
}

/** Masked before it is cut: half a secret is not recognised. */
function indented(out: Output, columns: number, text: string): string[] {
  const safe = safeText(out.mask(text));
  const lines = out.cuts ? wrapColumns(safe, out.columns - columns) : safe.split("\n");
  return lines.map((line) => `${" ".repeat(columns)}${line}`.trimEnd());
}

/** A task run that no hook looked at would only be in the way. */
const isOfInterest = ({ run, declared, outcomes }: Life): boolean =>
  run.kind === "flow-run" || declared.length + outcomes.length > 0;

function showSteps(out: Output, { facts, steps, nowMs }: Explanation): void {
  const shown = steps.filter(({ life }) => isOfInterest(life));
  const firstMs = shown[0]?.atMs ?? 0;
  for (const step of shown) {
    const { type, name, message } = step.stored.state;
    const since = step.atMs === firstMs ? "" : out.paint.dim(`  +${durationText(step.atMs - firstMs)}`);
    const { run } = step.life;
    const whose = run.id === facts.run.id ? "" : `  ${out.paint.dim(safeLine(run.name))}`;
    const look = paintState(out.paint, type, `${stateSymbol(type)} ${safeLine(name)}`);
    out.line(`${localTime(step.atMs)}  ${look}${whose}${since}`);
    if (message !== null && message !== "") for (const line of indented(out, 4, message)) out.line(line);
    showDecisions(out, step, nowMs);
  }
}

function showDecisions(out: Output, { decisions }: Step, nowMs: number): void {
  for (const decision of decisions) {
    if (decision.kind === "called") showCalled(out, decision);
    if (decision.kind === "matched") showMatched(out, decision, nowMs);
  }
  const passed = decisions.filter((one) => one.kind === "not-matched");
  if (passed.length === 0) return;
  const list = passed.map(({ hook }) => `${eventsOf(hook)} → ${hook.ref}`).join(", ");
  for (const line of indented(out, 4, `not for: ${list}`)) out.line(out.paint.dim(line));
}

function showCalled(out: Output, { outcome }: Extract<Decision, { kind: "called" }>): void {
  const { event, hook, durationMicros, error } = outcome;
  const took = durationText(durationMicros / 1_000);
  const end = error === null ? `ran, ${took}` : `threw ${error.name}: ${error.message} (${took})`;
  const [first = "", ...rest] = indented(out, 4, `${event}: function ${hook} ${end}`);
  out.line(error === null ? first : out.paint.bad(first));
  for (const line of rest) out.line(error === null ? line : out.paint.bad(line));
}

function showMatched(out: Output, { hook, why, told }: Extract<Decision, { kind: "matched" }>, nowMs: number): void {
  const stored = told === null ? "no delivery of it is stored" : "delivery stored with the state";
  for (const line of indented(out, 4, `${eventsOf(hook)} → ${hook.ref}: matched, ${why}; ${stored}`)) out.line(line);
  if (told !== null) showTold(out, told, nowMs);
}

function showTold(out: Output, told: Told, nowMs: number): void {
  const { delivery, attempts, waiting, instead } = told;
  for (const attempt of attempts) for (const line of indented(out, 8, attemptText(attempt))) out.line(line);
  const status = paintStatus(out, statusText(delivery, attempts), [delivery, attempts]);
  out.line(`        ${status}  ${out.paint.dim(`delivery ${delivery.id}`)}`);
  const why = endText(told);
  if (why !== "") for (const line of indented(out, 10, why)) out.line(line);
  if (waiting !== null)
    for (const line of indented(out, 10, `waits for ${waitingText(waiting, nowMs)}`)) out.line(line);
  if (instead === null) return;
  for (const line of indented(out, 6, `in its place → ${instead.delivery.destination}`)) out.line(line);
  showTold(out, instead, nowMs);
}

/** Reason and detail, as far as the last attempt has not said them. */
function endText({ delivery, attempts }: Told): string {
  const last = attempts.at(-1)?.outcome;
  const said = last === undefined || last.kind === "delivered" ? null : last;
  if (said !== null && said.reason === delivery.reason && said.detail === delivery.detail) return "";
  return [delivery.reason, delivery.detail].filter((part) => part !== null && part !== "").join(": ");
}

/** `attempt 2 at 2026-11-20 14:03:09: retry: server, status 503, 1.2 s: HTTP 503 …`. */
function attemptText({ number, startedAtMs, durationMs, status, outcome }: Attempt): string {
  const facts = [outcomeText(outcome), status === null ? "" : `status ${status}`, durationText(durationMs)];
  const answer = answerText(outcome);
  const said = answer === "" ? "" : `: ${answer}`;
  return `attempt ${number} at ${localTime(startedAtMs)}: ${facts.filter((part) => part !== "").join(", ")}${said}`;
}

/** Messages about the run that no declared hook of it explains. */
function showOthers(out: Output, { told }: Facts, steps: readonly Step[], nowMs: number): void {
  const explained = new Set(
    steps.flatMap(({ decisions }) => decisions.map((one) => (one.kind === "matched" ? one.told : null))),
  );
  const others = told.filter((one) => !explained.has(one));
  if (others.length === 0) return;
  heading(out, "Other messages about it");
  for (const one of others) {
    for (const line of indented(out, 0, `${one.delivery.destination}: ${originText(one.delivery)}`)) out.line(line);
    showTold(out, one, nowMs);
  }
}

function showRest(out: Output, { run, lives, nested }: Facts): void {
  const quiet = lives.filter((life) => !isOfInterest(life)).length;
  if (quiet + nested.length > 0) out.line();
  if (quiet > 0)
    out.line(
      out.paint.dim(
        `${quiet} task ${quiet === 1 ? "run has" : "runs have"} no hooks; see "bellhop run inspect ${run.id}".`,
      ),
    );
  for (const { id, name } of nested)
    out.line(out.paint.dim(`Nested flow run ${safeLine(name)} has hooks of its own: bellhop explain ${id}`));
}
