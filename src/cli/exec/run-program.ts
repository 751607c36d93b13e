import { messageOf } from "../../base/errors.ts";
import { Block } from "../../block/block.ts";
import { getRunContext } from "../../engine/run-context.ts";
import { flow, type FlowHooks } from "../../flow.ts";
import { type Hub, openHub, withHub } from "../../hub.ts";
import { LOG_LEVELS } from "../../runs/run-log.ts";
import type { State } from "../../states/state.ts";
import type { CommandContext } from "../command.ts";
import { type Ending, isRetriable, stateOf } from "./outcome.ts";
import { type Plan, seconds } from "./plan.ts";
import type { SignalDesk } from "./signal-desk.ts";
import { type Started, startProgram } from "./start-program.ts";
import { Tail } from "./tail.ts";

/** How long the blocks to be told are looked up before the program starts. */
const LOOK_UP_MS = 5_000;
/** How long a process that was told to stop goes on sending. Source: as in hub.ts, `docker stop --time`. */
const LAST_DRAIN_MS = 5_000;

/** What became of it all. */
export interface Outcome {
  /** Of the last attempt; null when none was made. */
  readonly ending: Ending | null;
  /** The signal that ended the wait for a further attempt, or for the first. */
  readonly stoppedBy: NodeJS.Signals | null;
  /** The last attempt's last lines. */
  readonly lines: readonly string[];
  /** null: the run could not be recorded. */
  readonly runId: string | null;
}

/** Runs the program and records it; runs it all the same where it cannot be recorded. */
export class ProgramRun {
  readonly #context: CommandContext;
  readonly #plan: Plan;
  readonly #desk: SignalDesk;
  readonly #warn: (text: string) => void;
  readonly #drained: Promise<unknown>[] = [];
  #current: Started | null = null;
  #ending: Ending | null = null;
  #lines: readonly string[] = [];
  #runId: string | null = null;
  /** What comes later, while messages are sent, changes nothing any more. */
  #stoppedBy: NodeJS.Signals | null = null;

  constructor(context: CommandContext, plan: Plan, desk: SignalDesk, warn: (text: string) => void) {
    this.#context = context;
    this.#plan = plan;
    this.#desk = desk;
    this.#warn = warn;
  }

  async run(told: (hub: Hub, runId: string) => Promise<void>): Promise<Outcome> {
    const isRecorded = await this.#recorded(told);
    if (!isRecorded) {
      await this.#unrecorded();
      this.#stoppedBy = this.#desk.stoppedBy;
    }
    // What it left in the background may still print, and would be ended by a pipe that nobody reads.
    await Promise.race([Promise.all(this.#drained), aborted(this.#desk.stopped)]);
    return {
      ending: this.#ending,
      stoppedBy: this.#stoppedBy,
      lines: this.#lines,
      runId: this.#runId,
    };
  }

  /** False: nothing was started, because nothing could be recorded. */
  async #recorded(told: (hub: Hub, runId: string) => Promise<void>): Promise<boolean> {
    let hub: Hub;
    try {
      hub = await openHub(await this.#context.config());
    } catch (error) {
      this.#warn(`this run is not recorded, and nobody will be told: ${messageOf(error)}`);
      return false;
    }
    let isStarted = false;
    try {
      isStarted = await withHub(hub, () => this.#runFlow(hub));
      this.#stoppedBy = this.#desk.stoppedBy;
      if (isStarted) await this.#drain(hub);
      if (this.#runId !== null) await told(hub, this.#runId);
    } catch (error) {
      this.#warn(`the record of this run is not complete: ${messageOf(error)}`);
    }
    try {
      await hub[Symbol.asyncDispose]();
    } catch (error) {
      this.#warn(`the store could not be closed: ${messageOf(error)}`);
    }
    return isStarted;
  }

  async #runFlow(hub: Hub): Promise<boolean> {
    const { name, spec, command, hooks, retries, retryDelayMs, tags } = this.#plan;
    await this.#lookUp();
    const program = flow(
      { name, retries, retryDelaySeconds: seconds(retryDelayMs), tags, ...this.#endedBeforeCancelled(hooks) },
      (_parameters: { readonly command: readonly string[] }) => this.#attemptInFlow(hub),
    );
    const parameters = { command, ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }) };
    try {
      await program.run([parameters], { returnState: true, signal: this.#desk.unheard });
    } catch (error) {
      // A run that was cancelled or interrupted has ended while the program may still be ending.
      await this.#current?.ended;
      if (this.#ending !== null || this.#desk.stopped.aborted) {
        if (!this.#wasAskedToEnd()) this.#warn(`the record of this run is not complete: ${messageOf(error)}`);
        return true;
      }
      this.#warn(`this run is not recorded, and nobody will be told: ${messageOf(error)}`);
      return false;
    }
    return true;
  }

  /** A cancelled run has ended when its program has, so Cancelled waits for that. */
  #endedBeforeCancelled(hooks: FlowHooks): FlowHooks {
    const endProgram = async (): Promise<void> => {
      await this.#current?.ended;
    };
    return { ...hooks, onCancellation: [...(hooks.onCancellation ?? []), endProgram] };
  }

  #wasAskedToEnd(): boolean {
    return this.#desk.stopped.aborted || this.#ending?.stop === "cancel";
  }

  /** Loads the blocks that may be told, which also makes their secrets known, so that they are masked in the output. */
  async #lookUp(): Promise<void> {
    const looked = [...this.#plan.refs].map(async ([ref, options]) => {
      try {
        const block: object = await Block.load(ref);
        if ("notify" in block && typeof block.notify === "function") return;
        this.#warn(`${options}: ${ref} cannot be told, because it is no notification block`);
      } catch (error) {
        this.#warn(`${options}: ${messageOf(error)} The program runs all the same.`);
      }
    });
    const late = this.#context.clock.sleep(LOOK_UP_MS, this.#desk.stopped).catch(() => undefined);
    await Promise.race([Promise.all(looked), late]);
  }

  async #attemptInFlow(hub: Hub): Promise<State> {
    const { flowRun, signal } = getRunContext();
    this.#runId = flowRun?.id ?? null;
    const ending = await this.#attempt(signal);
    this.#keepOutput(hub);
    const { program, spec } = this.#plan;
    return stateOf(ending, { name: program, timeoutSeconds: seconds(spec.timeoutMs), tail: this.#lines });
  }

  /** In the log of the run, where `bellhop run logs` shows it. */
  #keepOutput({ store, clock }: Hub): void {
    if (this.#lines.length === 0) return;
    store.logs.recordLog({
      flowRunId: this.#runId,
      taskRunId: null,
      timestampMicros: clock.nowMicros(),
      level: LOG_LEVELS.info,
      logger: "prefect.flow_runs",
      message: `The program's output, at most its last ${this.#plan.tailLines} lines:\n${this.#lines.join("\n")}`,
    });
  }

  /** Runs the program once. @param signal Aborted when the run is cancelled. */
  async #attempt(signal: AbortSignal | null): Promise<Ending> {
    const { clock, env } = this.#context;
    const { spec, tailLines } = this.#plan;
    const tail = new Tail();
    const runEnv = this.#runId === null ? {} : { BELLHOP__FLOW_RUN_ID: this.#runId };
    const program = startProgram({ ...spec, env: { ...env, ...runEnv } }, { clock, tail, warn: this.#warn });
    this.#current = program;
    this.#drained.push(program.drained);
    const release = this.#desk.passTo((name) => program.pass(name));
    const onAbort = (): void => program.stop("cancel");
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    try {
      this.#ending = await program.ended;
      this.#lines = tail.lines(tailLines);
      return this.#ending;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      release(signal?.aborted === true);
    }
  }

  /** The same attempts, with nobody to record them. */
  async #unrecorded(): Promise<void> {
    const { retries, retryDelayMs } = this.#plan;
    for (let attempt = 0; attempt <= retries && !this.#desk.stopped.aborted; attempt += 1) {
      if (attempt > 0) await this.#context.clock.sleep(retryDelayMs, this.#desk.stopped).catch(() => undefined);
      if (this.#desk.stopped.aborted) return;
      const ending = await this.#attempt(null);
      if (!isRetriable(ending)) return;
    }
  }

  /** Sends what is due; what cannot be sent now stays in the store for the next process. */
  async #drain(hub: Hub): Promise<void> {
    const { stopped } = this.#desk;
    const limit = Math.min(hub.config.drainTimeoutMs, stopped.aborted ? LAST_DRAIN_MS : Infinity);
    await Promise.race([hub.drain({ deadlineMs: limit }), stopped.aborted ? never : aborted(stopped)]);
  }
}

const never = new Promise<never>(() => undefined);

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
