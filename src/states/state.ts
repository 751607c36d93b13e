import { inspect } from "node:util";
import { z } from "zod";
import { systemClock } from "../base/clock.ts";
import { isUuid, newId } from "../base/ids.ts";
import { formatMicros, microsToDate, parseMicros, type Micros } from "../base/instant.ts";
import type { JsonValue } from "../base/json.ts";
import { redact } from "../base/redactor.ts";
import {
  attachThrown,
  attachValue,
  attachWire,
  type Attachment,
  isResultMetadata,
  type LoadResult,
  NOTHING,
} from "./attachment.ts";
import { InvalidStateError, MissingResult, PausedRun, UnfinishedRun } from "./run-errors.ts";
import { detailsFromWire, detailsToWire, StateDetailsWire, type StateDetails } from "./state-details.ts";
import { isStateLike, isUnsuccessful, STATE, stateError } from "./state-error.ts";
import { StateType } from "./state-type.ts";

// A *state* is one step in the life of one run: a *type* out of nine, on which all logic rests, and a free *name* for
// people. A state is *final* when its type is COMPLETED, FAILED, CRASHED or CANCELLED. A state that carries run ids has
// been *committed*: it is stored, and it is its own event (same id).

/** A state as stored and as on the wire. In-memory results and thrown errors are never part of it. */
export const StateWire = z.object({
  id: z.uuid(),
  type: StateType,
  name: z.string(),
  timestamp: z.iso.datetime({ offset: true }),
  message: z.string().nullable(),
  state_details: StateDetailsWire,
  data: z.json().nullable(),
});
export interface StateWire {
  readonly id: string;
  readonly type: StateType;
  readonly name: string;
  /** ISO 8601, UTC, six decimals. */
  readonly timestamp: string;
  readonly message: string | null;
  readonly state_details: StateDetailsWire;
  readonly data: JsonValue;
}

export interface StateInit {
  /** Default: a new UUIDv7. */
  readonly id?: string;
  readonly type: StateType;
  /** Default: the type in title case. */
  readonly name?: string;
  /** Default: now. */
  readonly timestampMicros?: Micros;
  readonly message?: string | null;
  /** A value for the result, or an error; null is data too. */
  readonly data?: unknown;
  readonly stateDetails?: StateDetails;
}

export interface ResultOptions {
  /** Default true: a failed, crashed or cancelled state throws its error. */
  readonly raiseOnFailure?: boolean;
  /** Default true: a stored result that is not there yet is asked for up to 10 times, 0.25 s apart; else once. */
  readonly retryResultFailure?: boolean;
}

/** What changes when a state is committed. */
interface Acceptance {
  readonly timestampMicros: Micros;
  readonly flowRunId: string | null;
  readonly taskRunId: string | null;
}

const FINAL: ReadonlySet<StateType> = new Set(["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]);
/** How often a stored result is asked for. Source: Prefect 3, `get_state_result`. */
const LOAD_TRIES = 10;
const NO_DETAILS: StateDetails = Object.freeze({});

export const isFinalType = (type: StateType): boolean => FINAL.has(type);

/** `RUNNING` → `Running`. */
const titleCase = (type: StateType): string => `${type.charAt(0)}${type.slice(1).toLowerCase()}`;

let acceptState: (state: State, acceptance: Acceptance) => void;
let addDetails: (state: State, details: StateDetails) => void;
let attach: (state: State, attachment: Attachment) => void;

/** One state of one run. Make one with a factory such as `Completed()`, or with `state({ type })`. */
export class State<out R = unknown> {
  readonly id: string;
  readonly type: StateType;
  /** Free text for people; decides nothing except where a rule names it. */
  readonly name: string;
  readonly message: string | null;
  #timestampMicros: Micros;
  #stateDetails: StateDetails;
  #attached: Attachment;

  static {
    acceptState = (state, { timestampMicros, flowRunId, taskRunId }) => {
      state.#timestampMicros = timestampMicros;
      state.#stateDetails = { ...state.#stateDetails, flowRunId, taskRunId };
    };
    addDetails = (state, details) => {
      state.#stateDetails = { ...state.#stateDetails, ...details };
    };
    attach = (state, attachment) => {
      state.#attached = attachment;
    };
  }

  constructor(init: StateInit) {
    this.id = init.id ?? newId();
    this.type = init.type;
    this.name = init.name === undefined ? titleCase(init.type) : redact(init.name);
    this.message = init.message == null ? null : redact(init.message);
    this.#timestampMicros = init.timestampMicros ?? systemClock.nowMicros();
    this.#stateDetails = init.stateDetails ?? NO_DETAILS;
    this.#attached = init.data === undefined ? NOTHING : attachValue(init.data);
  }

  /** Wall clock, to the millisecond. */
  get timestamp(): Date {
    return microsToDate(this.#timestampMicros);
  }

  /** Wall clock, epoch microseconds; no two states of one run share it. */
  get timestampMicros(): Micros {
    return this.#timestampMicros;
  }

  get stateDetails(): StateDetails {
    return this.#stateDetails;
  }

  /** What the state carries: the value in memory, else stored JSON, else undefined. */
  get data(): unknown {
    const attached = this.#attached;
    if (attached.kind === "none") return undefined;
    return attached.kind === "wire" || attached.kind === "stored" ? attached.json : attached.value;
  }

  /** When a scheduled or paused state is to start, else null. */
  get startTime(): Date | null {
    if (this.type !== "SCHEDULED" && this.type !== "PAUSED") return null;
    return this.#stateDetails.scheduledTime ?? null;
  }

  get [STATE](): Attachment {
    return this.#attached;
  }

  isScheduled(): boolean {
    return this.type === "SCHEDULED";
  }
  isPending(): boolean {
    return this.type === "PENDING";
  }
  isRunning(): boolean {
    return this.type === "RUNNING";
  }
  isCompleted(): boolean {
    return this.type === "COMPLETED";
  }
  /** A crash is not a failure: see `isCrashed()`. */
  isFailed(): boolean {
    return this.type === "FAILED";
  }
  isCrashed(): boolean {
    return this.type === "CRASHED";
  }
  isCancelled(): boolean {
    return this.type === "CANCELLED";
  }
  isCancelling(): boolean {
    return this.type === "CANCELLING";
  }
  isPaused(): boolean {
    return this.type === "PAUSED";
  }
  /** Nothing follows it: COMPLETED, FAILED, CRASHED or CANCELLED. */
  isFinal(): boolean {
    return isFinalType(this.type);
  }
  /** Prefect 1's word for `isFinal()`. */
  isFinished(): boolean {
    return this.isFinal();
  }
  /** Prefect 1's word for `isCompleted()`. */
  isSuccessful(): boolean {
    return this.type === "COMPLETED";
  }
  /** Prefect 1: waits for its next attempt. The attempt itself is RUNNING and named `Retrying`. */
  isRetrying(): boolean {
    return this.type === "SCHEDULED" && this.name === "AwaitingRetry";
  }
  isCached(): boolean {
    return this.type === "COMPLETED" && this.name === "Cached";
  }
  isSkipped(): boolean {
    return this.type === "COMPLETED" && this.name === "Skipped";
  }
  isLooped(): boolean {
    return this.name === "Looped";
  }

  /** The value (or error) in memory, without waiting; undefined when none is in memory. */
  peek(): R | undefined {
    const attached = this.#attached;
    // The value was put here by whoever made this a State<R>.
    return attached.kind === "value" || attached.kind === "thrown" ? (attached.value as R) : undefined;
  }

  /**
   * The run's return value: the one in memory, else the one that was kept, which is loaded now.
   *
   * @throws paused_run, unfinished_run: there is no result yet.
   * @throws missing_result: the run completed, but its value was not kept, has expired or cannot be read.
   * @throws what the run threw, or failed_run, crashed_run, cancelled_run (unless `raiseOnFailure` is false).
   */
  result(options?: { readonly raiseOnFailure?: true; readonly retryResultFailure?: boolean }): Promise<R>;
  result(options: ResultOptions): Promise<unknown>;
  async result(options: ResultOptions = {}): Promise<unknown> {
    if (this.type === "PAUSED") throw new PausedRun({ state: this.name });
    if (!this.isFinal()) throw new UnfinishedRun({ state: this.name });
    if (this.#attached.kind === "stored") await this.#load(options.retryResultFailure === false ? 1 : LOAD_TRIES);
    const attached = this.#attached;
    if (isUnsuccessful(this.type)) {
      if (options.raiseOnFailure !== false) throw stateError(this);
      return attached.kind === "value" && attached.value != null ? attached.value : stateError(this);
    }
    if (attached.kind === "value" || attached.kind === "thrown") return attached.value;
    if (attached.kind === "wire" && !isResultMetadata(attached.json)) return attached.json;
    throw new MissingResult({ state: this.name });
  }

  /** Brings a stored result into memory; leaves the state as it is when there is none. */
  async #load(tries: number): Promise<void> {
    const attached = this.#attached;
    if (attached.kind !== "stored") return;
    const found = await attached.load(attached.json, tries);
    if (found === null) return;
    this.#attached = { kind: "value", value: found.value, metadata: attached.json };
  }

  /** The same state (same id) with changes, stamped now. */
  copy(updates: Partial<Omit<StateInit, "id">> = {}): State<R> {
    return this.#with(this.id, updates);
  }

  /** A new state with the same content; use it to store a state a second time. */
  freshCopy(updates: Partial<Omit<StateInit, "id">> = {}): State<R> {
    return this.#with(newId(), updates);
  }

  #with(id: string, updates: Partial<Omit<StateInit, "id">>): State<R> {
    const { type, name, message } = this;
    const copy = new State<R>({ type, name, message, stateDetails: this.#stateDetails, ...updates, id });
    if (updates.data === undefined) copy.#attached = this.#attached;
    return copy;
  }

  /** The stored form. Values in memory stay in memory. */
  toWire(): StateWire {
    return {
      id: this.id,
      type: this.type,
      name: this.name,
      timestamp: formatMicros(this.#timestampMicros),
      // Once more: a secret may have become known after the state was made.
      message: this.message === null ? null : redact(this.message),
      state_details: detailsToWire(this.#stateDetails),
      data: wireData(this.#attached),
    };
  }

  static fromWire(wire: StateWire): State {
    const timestampMicros = parseMicros(wire.timestamp);
    if (timestampMicros === undefined) throw new InvalidStateError({ field: "timestamp", problem: "it is not a date" });
    const stateDetails = detailsFromWire(wire.state_details);
    const { id, type, name, message } = wire;
    const state = new State({ id, type, name, message, timestampMicros, stateDetails });
    state.#attached = attachWire(wire.data);
    return state;
  }

  toJSON(): StateWire {
    return this.toWire();
  }

  /** `Failed('oops')`; the type is shown when the name does not say it. */
  toString(): string {
    return this.#show([]);
  }

  [inspect.custom](): string {
    const attached = this.#attached;
    const value = attached.kind === "value" || attached.kind === "thrown";
    return this.#show(value ? [`result=${redact(inspect(attached.value, { depth: 1 }))}`] : []);
  }

  #show(extra: readonly string[]): string {
    const parts = this.message === null ? [] : [`'${this.message}'`];
    if (this.name.toUpperCase() !== this.type) parts.push(`type=${this.type}`);
    return `${this.name}(${[...parts, ...extra].join(", ")})`;
  }
}

export { acceptState, addDetails, attach };

/** True for every state, also one of a second installed copy of this package. */
export const isState = (value: unknown): value is State => isStateLike(value);

/** What of the attached goes on the wire: never the value itself. */
function wireData(attached: Attachment): JsonValue {
  if (attached.kind === "none") return null;
  if (attached.kind === "wire" || attached.kind === "stored") return attached.json;
  return attached.metadata ?? null;
}

/** Says where the value or error in memory is kept, so that it can be loaded once this process is gone. */
export function markStored(state: State, metadata: JsonValue): void {
  const attached = state[STATE];
  if (attached.kind === "value" || attached.kind === "thrown") attach(state, { ...attached, metadata });
}

/** Gives a state that was read from a store the means to load its result. Does nothing when it has no metadata of one. */
export function loadResultWith(state: State, load: LoadResult): void {
  const attached = state[STATE];
  if (attached.kind === "wire" && isResultMetadata(attached.json)) {
    attach(state, { kind: "stored", json: attached.json, load });
  }
}

/** For a value that came back from user code: the state then holds a record of it, also when it is undefined. */
export const keepValue = (state: State, value: unknown): void => attach(state, attachValue(value));

/** For what user code threw. */
export const keepThrown = (state: State, thrown: unknown): void => attach(state, attachThrown(thrown));

/** Checks the fields that a caller without types can get wrong. @throws invalid_state naming the field */
export function checkStateInit(init: StateInit): void {
  if (!StateType.safeParse(init.type).success) {
    throw new InvalidStateError({ field: "type", problem: `it must be one of ${StateType.options.join(", ")}` });
  }
  if (init.id !== undefined && !isUuid(init.id))
    throw new InvalidStateError({ field: "id", problem: "it is not a UUID" });
}
