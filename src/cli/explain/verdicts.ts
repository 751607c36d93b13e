import type { DeclaredHook } from "../../runs/declared-hook.ts";
import type { RunRecord } from "../../runs/flow-run.ts";
import { endedInPart } from "../delivery/outcome-text.ts";
import { uncertainText } from "../delivery/links.ts";
import { reasonText } from "../delivery/reason-text.ts";
import { waitingText } from "../delivery/waiting.ts";
import { durationText } from "../time-text.ts";
import { awaitedBy, eventsOf, type Step } from "./decisions.ts";
import type { Facts, Life, Told } from "./facts.ts";

/** Whether one destination was told of one state, or why not. */
export interface Verdict {
  readonly destination: string;
  readonly isTold: boolean;
  readonly why: "delivered" | "in-part" | "waiting" | "sending" | "dead" | "suppressed" | "did-not-fire";
  readonly deliveryId: string | null;
  readonly runId: string;
  /** A sentence, complete. */
  readonly text: string;
}

/** All that can be said of who was told. */
export interface Verdicts {
  readonly verdicts: readonly Verdict[];
  /** What else a person should know. */
  readonly remarks: readonly string[];
}

export function verdictsOf(facts: Facts, steps: readonly Step[], nowMs: number): Verdicts {
  const atOf = new Map(steps.map((step) => [step.stored.state.id, step]));
  return {
    verdicts: [
      ...facts.told.flatMap((told) => verdictsOfTold(told, { facts, atOf, nowMs })),
      ...facts.lives.flatMap((life) => silentHooks(life, steps)),
    ],
    remarks: remarksOf(facts, steps),
  };
}

interface Around {
  readonly facts: Facts;
  readonly atOf: ReadonlyMap<string, Step>;
  readonly nowMs: number;
}

/** `Failed`, `Failed of task load-3f1`. */
function subjectText({ delivery }: Told, { facts, atOf }: Around): string {
  const step = atOf.get(delivery.stateId ?? "");
  if (step === undefined) return delivery.subject;
  const name = step.stored.state.name;
  return step.life.run.id === facts.run.id ? name : `${name} of ${nameOf(step.life.run)}`;
}

export const nameOf = (run: RunRecord): string => (run.kind === "flow-run" ? "the run" : `task ${run.name}`);

function verdictsOfTold(told: Told, around: Around): Verdict[] {
  const own = verdictOf(told, around);
  return told.instead === null ? [own] : [own, ...verdictsOfTold(told.instead, around)];
}

function verdictOf(told: Told, around: Around): Verdict {
  const { delivery, attempts, waiting } = told;
  const { destination, status } = delivery;
  const of = subjectText(told, around);
  const base = {
    destination,
    isTold: status === "delivered",
    deliveryId: delivery.id,
    runId: delivery.taskRunId ?? delivery.flowRunId ?? around.facts.run.id,
  };
  const doubt = uncertainText(delivery, attempts);
  const unsure = doubt === null ? "" : ` ${doubt.charAt(0).toUpperCase()}${doubt.slice(1)}`;
  if (status === "delivered") {
    const inPart = endedInPart(delivery, attempts);
    const text = `${destination} was told of ${of}${inPart ? ", but not every recipient" : ""}${howText(told, around)}.`;
    return { ...base, why: inPart ? "in-part" : "delivered", text: `${text}${unsure}` };
  }
  if (status === "sending")
    return { ...base, why: "sending", text: `${destination} is being told of ${of} right now.${unsure}` };
  if (status === "queued") {
    const last = delivery.reason === null ? "" : ` The last attempt: ${reasonText(delivery.reason)}${detailOf(told)}.`;
    const wait = waiting === null ? "its turn" : waitingText(waiting, around.nowMs);
    return {
      ...base,
      why: "waiting",
      text: `${destination} is not told of ${of} yet. It waits for ${wait}.${last}${unsure}`,
    };
  }
  return { ...base, why: status, text: `${destination} was not told of ${of}: ${endText(told)}.${unsure}` };
}

/** ` (attempt 2, status 200, 1.2 s after it)`. */
function howText({ delivery, attempts }: Told, { atOf }: Around): string {
  const last = attempts.at(-1);
  const step = atOf.get(delivery.stateId ?? "");
  const parts = [
    delivery.attempts > 1 ? `at attempt ${delivery.attempts}` : "",
    last?.status == null ? "" : `status ${last.status}`,
    step === undefined ? "" : `${durationText(Math.max(0, delivery.updatedAtMs - step.atMs))} after it`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

const detailOf = ({ delivery }: Told): string =>
  delivery.detail === null || delivery.detail === "" ? "" : ` (${delivery.detail.replace(/\.$/, "")})`;

/** Why it ended without being delivered. */
function endText(told: Told): string {
  const { delivery, instead } = told;
  const { status, reason, attempts } = delivery;
  const why = reason === null ? "" : reasonText(reason);
  if (reason === "overtaken") return `${why} (delivery ${delivery.detail ?? "unknown"})`;
  const tries = attempts === 0 ? "without an attempt" : `after ${attempts} attempt${attempts === 1 ? "" : "s"}`;
  const end = status === "dead" ? `given up ${tries}` : `not sent, ${tries}`;
  const stood = instead === null ? "" : `; ${instead.delivery.destination} got a message in its place`;
  return `${end}${why === "" ? "" : `, because ${why}`}${detailOf(told)}${stood}`;
}

/** Declared hooks of a run that no state of it matched. */
function silentHooks(life: Life, steps: readonly Step[]): Verdict[] {
  const matched = new Set(
    steps
      .filter((step) => step.life === life)
      .flatMap(({ decisions }) => decisions.flatMap((one) => (one.kind === "matched" ? [one.hook.index] : []))),
  );
  return life.declared
    .filter(({ index }) => !matched.has(index))
    .map((hook) => ({
      destination: hook.ref,
      isTold: false,
      why: "did-not-fire",
      deliveryId: null,
      runId: life.run.id,
      text: `${eventsOf(hook)} to ${hook.ref} ${silenceText(life, hook)}.`,
    }));
}

/** Why a hook has not fired, from how the run went; reads on after its name. */
function silenceText({ run, states }: Life, hook: DeclaredHook): string {
  const { state } = run;
  const who = nameOf(run);
  if (state.name === "NotReady")
    return `did not fire: ${who} was never called (NotReady), because something before it did not complete`;
  if (!state.isFinal()) return `has not fired yet: it waits for ${awaitedBy(hook)}, and ${who} is ${state.name}`;
  if (hook.on.length === 0) return `did not fire: no retry of ${who} was decided`;
  return `did not fire: ${who} is ${state.name}${nearMissText({ run, states }, hook)}`;
}

/** What people mistake for what the hook waits for. */
function nearMissText({ run, states }: Pick<Life, "run" | "states">, { on }: DeclaredHook): string {
  const { state } = run;
  if (on.includes("FAILED") && state.isCrashed()) return ", which is not Failed; onCrashed is for that";
  if (on.includes("CRASHED") && state.isFailed()) return ", which is not Crashed; onFailure is for that";
  if (on.includes("CANCELLING") && state.isCancelled())
    return " without having been Cancelling: there was nothing to end";
  if (on.includes("FAILED") && states.some(({ state: { name } }) => name === "AwaitingRetry" || name === "Retrying"))
    return "; attempts that failed were retried, and only the last one counts";
  return on.includes("RUNNING") ? ", and it never ran" : "";
}

function remarksOf(facts: Facts, steps: readonly Step[]): string[] {
  return [
    ...undeclared(facts),
    ...facts.missingBlocks.map((ref) => `Block ${ref} is not saved. Save it with "bellhop block save ${ref}".`),
    ...facts.lives.flatMap(thrownBy),
    ...steps.flatMap(owedAndNotStored),
    ...endedWithoutProcess(facts.lives),
    ...replayHint(facts),
  ];
}

function undeclared({ lives, told }: Facts): string[] {
  if (lives.some(({ declared }) => declared.length > 0)) return [];
  if (lives.some(({ outcomes }) => outcomes.length > 0))
    return ["No hook with notify(…) is declared; hook functions tell people, or not, by themselves."];
  return told.length > 0
    ? []
    : ["No hooks are declared on this flow or its tasks, and no hook function was called: nobody was to be told."];
}

const thrownBy = ({ run, outcomes }: Life): string[] =>
  outcomes.flatMap(({ event, hook, error }) =>
    error === null ? [] : [`Hook ${hook} in ${event} of ${nameOf(run)} threw ${error.name}: ${error.message}`],
  );

const owedAndNotStored = ({ decisions, stored }: Step): string[] =>
  decisions.flatMap((one) =>
    one.kind === "matched" && one.told === null
      ? [`${one.hook.ref} was owed a message on ${stored.state.name}, and none is stored.`]
      : [],
  );

/** Version 8 marks a state that a sweep gave a run whose process was gone. */
const isSwept = (stateId: string): boolean => stateId.charAt(14) === "8";

function endedWithoutProcess(lives: readonly Life[]): string[] {
  const [flowRun] = lives;
  if (flowRun === undefined || !isSwept(flowRun.run.state.id)) return [];
  return ["Its process was gone when it ended: hook functions could not be called, only notify(…) hooks fire then."];
}

function replayHint({ run, told }: Facts): string[] {
  const [first, ...more] = told.filter(({ delivery }) => delivery.status === "dead").map(({ delivery }) => delivery.id);
  if (first === undefined) return [];
  const which = more.length === 0 ? first : `--run ${run.id}`;
  return [`To send what was given up again: bellhop delivery replay ${which}`];
}
