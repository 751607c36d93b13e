import { inspect } from "node:util";
import type { Clock } from "../base/clock.ts";
import { errorClass } from "../base/errors.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import type { ResultOptions, State } from "../states/state.ts";
import type { Ended } from "./definition.ts";

/** A wait for runs took longer than its `timeout`. The runs go on. */
export class WaitTimeoutError extends errorClass("wait_timeout") {}

export interface WaitOptions {
  /** Seconds; 0 only looks. Default: none. The run goes on when the time is up. */
  readonly timeout?: number | undefined;
}

export interface FutureInit {
  /** Of the task run, or of the flow run when `kind` is "flow". */
  readonly id: string;
  /** Default "task". */
  readonly kind?: "task" | "flow";
  /** The run's name; a function when it is still to be computed. */
  readonly name: string | (() => string);
  /** For a flow run inside a flow: the task run that stands for it. */
  readonly trackingTaskRunId?: () => string | null;
  /** Rejects only with what interrupted the run. */
  readonly ended: Promise<Ended>;
  readonly stateNow: () => State;
  readonly clock: Clock;
}

type Outcome =
  | { readonly kind: "ended"; readonly ended: Ended }
  | { readonly kind: "interrupted"; readonly state: State; readonly error: unknown };

const MS_PER_SECOND = 1_000;
const NONE = (): null => null;

let settledOf: (future: Future) => Promise<void>;
let clockOf: (future: Future) => Clock;
let hasMadeOne = false;

/**
 * A run that was started and not waited for. It is no promise: awaiting it gives the future itself, so ask for
 * `wait()` or `result()`. Source: Prefect 3, PrefectFuture.
 *
 * @example
 * const loading = load.submit("orders");
 * const rows = await loading.result();
 */
export class Future<out R = unknown> {
  readonly id: string;
  readonly kind: "task" | "flow";
  readonly #tracking: () => string | null;
  readonly #name: string | (() => string);
  readonly #stateNow: () => State;
  readonly #clock: Clock;
  readonly #settled: Promise<void>;
  #outcome: Outcome | null = null;

  static {
    settledOf = (future) => future.#settled;
    clockOf = (future) => future.#clock;
  }

  constructor({ id, kind = "task", name, trackingTaskRunId = NONE, ended, stateNow, clock }: FutureInit) {
    hasMadeOne = true;
    this.id = id;
    this.kind = kind;
    this.#tracking = trackingTaskRunId;
    this.#name = name;
    this.#stateNow = stateNow;
    this.#clock = clock;
    // Never rejects, so that a failure which nobody looks at is not an unhandled rejection.
    this.#settled = ended.then(
      (how) => {
        this.#outcome = { kind: "ended", ended: how };
      },
      (error: unknown) => {
        this.#outcome = { kind: "interrupted", state: stateNow(), error };
      },
    );
  }

  static is(value: unknown): value is Future {
    return typeof value === "object" && value !== null && #settled in value;
  }

  /** The task run; of a flow run inside a flow the task run that stands for it; null for a flow run at the top. */
  get taskRunId(): string | null {
    return this.kind === "task" ? this.id : this.#tracking();
  }

  get name(): string {
    return typeof this.#name === "string" ? this.#name : this.#name();
  }

  /** The state now: the last one once the run has ended. */
  get state(): State<R> {
    const state = this.#outcome === null ? this.#stateNow() : lastState(this.#outcome);
    // The body's value is an R; so says whoever started the run.
    return state as State<R>;
  }

  /** Nothing more will happen: the run has ended, or could not start because an upstream did not complete. */
  get isDone(): boolean {
    return this.#outcome !== null;
  }

  /**
   * Waits for the run to end.
   *
   * @returns The last state, whatever it is; undefined when `timeout` was over first.
   */
  wait(options: WaitOptions & { readonly timeout: number }): Promise<State<R> | undefined>;
  wait(options?: { readonly timeout?: undefined }): Promise<State<R>>;
  wait(options?: WaitOptions): Promise<State<R> | undefined>;
  async wait({ timeout }: WaitOptions = {}): Promise<State<R> | undefined> {
    return (await inTime(this.#settled, timeout, this.#clock, () => this.isDone)) ? this.state : undefined;
  }

  /**
   * Waits for the run's value.
   *
   * @throws wait_timeout
   * @throws what the run threw, or stands for its state: failed_run, crashed_run, cancelled_run (all three not with
   *   `raiseOnFailure: false`, which gives the error as the value), paused_run, unfinished_run, missing_result.
   * @throws what interrupted the run
   */
  result(options?: WaitOptions & { readonly raiseOnFailure?: true }): Promise<R>;
  result(options: WaitOptions & Pick<ResultOptions, "raiseOnFailure">): Promise<unknown>;
  async result({ timeout, raiseOnFailure = true }: WaitOptions & ResultOptions = {}): Promise<unknown> {
    const isOver = await inTime(this.#settled, timeout, this.#clock, () => this.isDone);
    const outcome = this.#outcome;
    if (!isOver || outcome === null) throw new WaitTimeoutError({ what: String(this), seconds: timeout ?? 0 });
    if (outcome.kind === "interrupted") throw outcome.error;
    const { thrown, state } = outcome.ended;
    // The very value that was thrown, as a direct call would give it.
    if (thrown !== null && raiseOnFailure) throw thrown.error;
    return state.result({ raiseOnFailure });
  }

  /** `Future(load-1a2, Running)` */
  toString(): string {
    return `Future(${this.name}, ${this.state.name})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

const lastState = (outcome: Outcome): State => (outcome.kind === "ended" ? outcome.ended.state : outcome.state);

/** Resolves when nothing more will happen; never rejects. */
export const settled = (future: Future): Promise<void> => settledOf(future);

/** False as long as this process has made no future: nothing that it holds can contain one. */
export const futuresExist = (): boolean => hasMadeOne;

/** @throws invalid_definition */
function checkTimeout(timeout: number | undefined): void {
  if (timeout === undefined || (typeof timeout === "number" && timeout >= 0)) return;
  throw new CodedTypeError("invalid_definition", {
    option: "timeout",
    problem: "it must be a number of seconds, 0 or more",
  });
}

/** True when `done` was first, false when the time was. */
async function inTime(
  done: Promise<unknown>,
  timeout: number | undefined,
  clock: Clock,
  isDone: () => boolean,
): Promise<boolean> {
  checkTimeout(timeout);
  if (timeout === undefined) {
    await done;
    return true;
  }
  if (isDone() || timeout === 0) return isDone();
  const over = Promise.withResolvers<void>();
  using _timer = clock.timer(timeout * MS_PER_SECOND, over.resolve);
  await Promise.race([done, over.promise]);
  return isDone();
}

export interface WaitedFutures<R> {
  readonly done: readonly Future<R>[];
  readonly notDone: readonly Future<R>[];
}

/**
 * Waits until all futures are done, or the time is up. Each future counts once. Failures are not thrown.
 * Source: Prefect 3, futures.wait.
 *
 * @example
 * const { done, notDone } = await wait(load.map(tables), { timeout: 60 });
 *
 * @param options `timeout`: seconds for all of them together.
 */
export async function wait<R>(futures: Iterable<Future<R>>, { timeout }: WaitOptions = {}): Promise<WaitedFutures<R>> {
  const all = [...new Set(futures)];
  const [first] = all;
  const areDone = (): boolean => all.every(({ isDone }) => isDone);
  if (first === undefined) checkTimeout(timeout);
  else await inTime(Promise.all(all.map(settledOf)), timeout, clockOf(first), areDone);
  return { done: all.filter(({ isDone }) => isDone), notDone: all.filter(({ isDone }) => !isDone) };
}

/**
 * Gives the futures in the order in which they are done; each once. Source: Prefect 3, futures.as_completed.
 *
 * @example
 * for await (const future of asCompleted(load.map(tables))) print(await future.result());
 *
 * @param options `timeout`: seconds from the first step on, for all of them together.
 * @throws wait_timeout
 */
export async function* asCompleted<R>(
  futures: Iterable<Future<R>>,
  { timeout }: WaitOptions = {},
): AsyncGenerator<Future<R>, void, undefined> {
  checkTimeout(timeout);
  const all = [...new Set(futures)];
  const [first] = all;
  if (first === undefined) return;
  const queue = all.filter(({ isDone }) => isDone);
  let wake = Promise.withResolvers<void>();
  const time = { isOver: timeout === 0 };
  for (const future of all.filter(({ isDone }) => !isDone)) {
    void settledOf(future).then(() => {
      queue.push(future);
      wake.resolve();
    });
  }
  const onTime = (): void => {
    time.isOver = true;
    wake.resolve();
  };
  using _timer = timeout === undefined ? null : clockOf(first).timer(timeout * MS_PER_SECOND, onTime);
  for (let given = 0; given < all.length; given += 1) {
    for (let next = queue.length; next === 0 && !time.isOver; next = queue.length) {
      await wake.promise;
      wake = Promise.withResolvers();
    }
    const future = queue.shift();
    if (future === undefined) {
      throw new WaitTimeoutError({ what: `${all.length - given} of ${all.length} futures`, seconds: timeout ?? 0 });
    }
    yield future;
  }
}
