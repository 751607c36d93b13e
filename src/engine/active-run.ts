import { AsyncLocalStorage } from "node:async_hooks";
import type { DeclaredHook } from "../runs/declared-hook.ts";
import type { FlowRunRecord, RunRecord, TaskRunRecord } from "../runs/flow-run.ts";
import { FlowRun, TaskRun } from "../runs/run-view.ts";
import type { ResultPlan } from "../results/plan.ts";
import type { ResultRecord } from "../results/record-store.ts";
import type { BodyOutcome } from "./body-outcome.ts";
import type { AnyFlow, AnyTask, Participants, StateHandler } from "./definition.ts";
import type { EngineContext } from "./engine-context.ts";
import { namedParameters } from "./run-name.ts";
import { type Interruption, RunOverError } from "./interruption.ts";
import { RunsInside } from "./runs-inside.ts";
import type { TransitionListener } from "./transition.ts";

/** Who runs: the object with its run. */
export type Subject =
  | { readonly kind: "flow"; readonly object: AnyFlow; readonly record: FlowRunRecord }
  | { readonly kind: "task"; readonly object: AnyTask; readonly record: TaskRunRecord };

/** A run that this process executes now. */
export class ActiveRun {
  readonly engine: EngineContext;
  readonly subject: Subject;
  readonly record: RunRecord;
  readonly participants: Participants;
  /** The object's own, then those that the flow around a task has for its tasks. */
  readonly handlers: readonly StateHandler[];
  /** The call that this run was started from; null at the top. */
  readonly caller: Frame | null;
  /** The innermost flow run: this one, or the one around a task. */
  readonly flow: ActiveRun | null;
  readonly depth: number;
  /** In the parent flow run, the task run that stands for this flow run. */
  readonly tracking: TaskRunRecord | null;
  /** As the body gets them: futures are replaced by their values before the run starts. */
  args: readonly unknown[];
  /** Set once something ends the run from outside; stays, so that code that swallows the error cannot go on. */
  interruption: Interruption | null = null;
  /** The attempt under way. */
  frame: Frame | null = null;
  /** Set while a body is called again by the signal LOOP. */
  loop: { readonly count: number; readonly result: unknown } | null = null;
  /** True once the run goes on after a pause. */
  resumed = false;
  /** Id of the scheduled state whose time this run has waited for; the wall clock may say otherwise, if it was set. */
  waitedFor: string | null = null;
  /** Whether and how the result is kept; null: it is not. Set before the first attempt. */
  results: ResultPlan | null = null;
  /** What is kept, once the run has a result. */
  kept: ResultRecord | null = null;
  /** What a flow run knows of the runs in it; made when the first one is started. */
  #inside: RunsInside | undefined;
  #view: FlowRun | TaskRun | undefined;
  #controller: AbortController | undefined;
  #hookFrame: Frame | undefined;
  #waiting: (() => void)[] | undefined;
  #settled = false;

  constructor(init: {
    readonly engine: EngineContext;
    readonly subject: Subject;
    readonly participants: Participants;
    readonly caller: Frame | null;
    readonly tracking: TaskRunRecord | null;
    readonly args: readonly unknown[];
  }) {
    this.engine = init.engine;
    this.subject = init.subject;
    this.record = init.subject.record;
    this.participants = init.participants;
    this.caller = init.caller;
    this.tracking = init.tracking;
    this.args = init.args;
    this.depth = init.caller === null ? 0 : init.caller.run.depth + 1;
    this.flow = init.subject.kind === "flow" ? this : (init.caller?.run.flow ?? null);
    const { handlers } = init.participants;
    const forTasks = init.subject.kind === "task" ? this.flow?.participants.taskHandlers : undefined;
    this.handlers = forTasks === undefined || forTasks.length === 0 ? handlers : [...handlers, ...forTasks];
  }

  /** What hooks, callers and the run context see. Made when first asked for: most task runs never are. */
  get view(): FlowRun | TaskRun {
    const { subject } = this;
    this.#view ??= subject.kind === "flow" ? new FlowRun(subject.record) : new TaskRun(subject.record);
    return this.#view;
  }

  /** Arguments by name, live: nothing is masked or copied. */
  get parameters(): Readonly<Record<string, unknown>> {
    return namedParameters(this.args);
  }

  get listeners(): readonly TransitionListener[] {
    return this.participants.listeners;
  }

  get declared(): readonly DeclaredHook[] {
    return this.participants.declared;
  }

  /** The runs started in this flow run. */
  get inside(): RunsInside {
    this.#inside ??= new RunsInside();
    return this.#inside;
  }

  /** The same, without making it: undefined while nothing was started. */
  get insideIfAny(): RunsInside | undefined {
    return this.#inside;
  }

  /** Aborted when the attempt times out or the run is interrupted. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.interruption !== null) this.#controller.abort(this.interruption.error);
    return this.#controller.signal;
  }

  /** A new attempt gets a new signal. */
  begin(): Frame {
    this.#inside?.begin();
    this.frame = new Frame(this, false);
    return this.frame;
  }

  /** Tells cooperative code to stop. What comes after it, such as the wait for a retry, has another signal. */
  abort(reason: unknown): void {
    const controller = this.#controller;
    this.#controller = undefined;
    controller?.abort(reason);
  }

  /** Marks the run as ended from outside and stops waiting for its body. The first interruption stays. */
  interrupt(interruption: Interruption): void {
    this.interruption ??= interruption;
    this.frame?.abandon(this.interruption.kind === "cancel" ? "Cancelled" : "Crashed", { kind: "interrupted" });
    this.abort(this.interruption.error);
  }

  /** Waits; ends early, without a word, when the run is interrupted. */
  async sleep(ms: number): Promise<void> {
    try {
      await this.engine.clock.sleep(ms, this.signal);
    } catch (error) {
      if (this.interruption === null) throw error;
    }
  }

  /** Where hooks run: inside the run, and free to call flows and tasks however the run ended. */
  get hookFrame(): Frame {
    this.#hookFrame ??= new Frame(this, true);
    return this.#hookFrame;
  }

  /** Resolves when the run has ended and its hooks are done. */
  settled(): Promise<void> {
    if (this.#settled) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }

  settle(): void {
    this.#settled = true;
    for (const resolve of this.#waiting ?? []) resolve();
  }
}

/** One attempt of a run, or its hooks: what code that calls a flow or task is running in. */
export class Frame {
  readonly run: ActiveRun;
  readonly isHook: boolean;
  /** Ends the wait for the body early. Set while the body runs. */
  stop: ((outcome: BodyOutcome) => void) | null = null;
  #overAs: string | null = null;
  /** Transactions whose blocks are under way; made with the first one. */
  #opened: Set<Undoable> | undefined;

  constructor(run: ActiveRun, isHook: boolean) {
    this.run = run;
    this.isHook = isHook;
  }

  /** The name of the state in which the run went on without this code; null while it counts. */
  get overAs(): string | null {
    return this.#overAs;
  }

  /** Goes on without the body: its outcome is ignored, and the engine calls it makes from now on throw. */
  abandon(as: string, outcome: BodyOutcome): void {
    this.#overAs ??= as;
    this.stop?.(outcome);
  }

  /** A transaction was begun; disposing says that its block has ended. */
  opened(txn: Undoable): Disposable {
    this.#opened ??= new Set();
    this.#opened.add(txn);
    return { [Symbol.dispose]: () => void this.#opened?.delete(txn) };
  }

  /** Undoes, from the inside out, what the code cannot undo any more because nobody waits for it; undefined: nothing. */
  undo(): Promise<void> | undefined {
    return this.#opened === undefined || this.#opened.size === 0 ? undefined : undoAll([...this.#opened].toReversed());
  }
}

interface Undoable {
  undo(): Promise<void>;
}

async function undoAll(opened: readonly Undoable[]): Promise<void> {
  for (const txn of opened) await txn.undo();
}

const frames = new AsyncLocalStorage<Frame>();

export const currentFrame = (): Frame | undefined => frames.getStore();

/** Runs `fn` inside the frame. */
export const inFrame = <A extends readonly unknown[], T>(frame: Frame, fn: (...args: A) => T, ...args: A): T =>
  frames.run(frame, fn, ...args);

export const runOver = ({ record }: ActiveRun, state: string): RunOverError =>
  new RunOverError({ run: record.kind.replace("-", " "), state });

/**
 * The engine's chance to stop code that should not go on: code whose attempt was given up, and code that swallowed the
 * error of an interruption. Hooks are free of it.
 *
 * @throws run_over, or what interrupted the run
 */
export function checkBoundary(frame: Frame): void {
  for (let at: Frame | null = frame; at !== null && !at.isHook; at = at.run.caller) {
    if (at.run.interruption !== null) throw at.run.interruption.error;
    if (at.overAs !== null) throw runOver(at.run, at.overAs);
  }
}

/** Remembers the interruption on every run around this frame, up to a hook: hooks change nothing. */
export function interruptAround(frame: Frame | null, interruption: Interruption): void {
  for (let at = frame; at !== null && !at.isHook; at = at.run.caller) at.run.interruption ??= interruption;
}
