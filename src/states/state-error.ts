import type { StateType } from "./state-type.ts";
import type { Attachment } from "./attachment.ts";
import { CodedTypeError } from "./coded-type-error.ts";
import { CancelledRun, CrashedRun, FailedRun, StateGroupError } from "./run-errors.ts";

/** Marks states, so that they are known as such also when they come from a second installed copy of the package. */
export const STATE = Symbol.for("bellhop.State");

/** What the functions here need of a state. */
export interface StateLike {
  readonly type: StateType;
  readonly message: string | null;
  readonly [STATE]: Attachment;
}

export const isStateLike = (value: unknown): value is StateLike =>
  typeof value === "object" && value !== null && STATE in value;

const WRAPPERS = { FAILED: FailedRun, CRASHED: CrashedRun, CANCELLED: CancelledRun } as const;
type Unsuccessful = keyof typeof WRAPPERS;

const DEFAULTS: Readonly<Record<Unsuccessful, string>> = {
  FAILED: "The run failed.",
  CRASHED: "The run crashed.",
  CANCELLED: "The run was cancelled.",
};

export const isUnsuccessful = (type: StateType): type is Unsuccessful => Object.hasOwn(WRAPPERS, type);

const wrap = (type: Unsuccessful, message: string | null, cause?: unknown): Error =>
  new WRAPPERS[type]({ message: message ?? DEFAULTS[type] }, cause === undefined ? undefined : { cause });

/**
 * The error that a failed, crashed or cancelled state stands for: what was thrown if it is at hand, else a `FailedRun`,
 * `CrashedRun` or `CancelledRun` with the state's message. A thrown primitive is wrapped, with itself as `cause`.
 *
 * @throws TypeError when the state is none of the three, or holds data that stands for no error.
 */
export function stateError(state: StateLike): unknown {
  const { type, message } = state;
  if (!isUnsuccessful(type)) throw new CodedTypeError("state_without_error", { found: `a ${type} state` });
  const attached = state[STATE];
  if (attached.kind === "none" || attached.kind === "stored") return wrap(type, message);
  if (attached.kind === "wire") {
    return wrap(type, typeof attached.json === "string" ? attached.json : message);
  }
  if (attached.kind === "thrown")
    return isObject(attached.value) ? attached.value : wrap(type, String(attached.value), attached.value);
  return errorInValue(type, message, attached.value);
}

function errorInValue(type: Unsuccessful, message: string | null, value: unknown): unknown {
  if (value instanceof Error) return value;
  if (value === undefined || value === null) return wrap(type, message);
  if (typeof value === "string") return wrap(type, value);
  if (isStateLike(value)) return stateError(value);
  const states = membersOf(value, isStateLike);
  if (states === undefined) throw new CodedTypeError("state_without_error", { found: typeName(value) });
  const first = states.find((state) => isUnsuccessful(state.type));
  return first === undefined ? new StateGroupError({}) : stateError(first);
}

/** Throws the state's error; does nothing when the state is not failed, crashed or cancelled. */
export function raiseStateError(state: StateLike): void {
  if (isUnsuccessful(state.type)) throw stateError(state);
}

/** The members of a non-empty array or Set that holds nothing but states; any other value is plain data. */
export function membersOf<S>(value: unknown, isMember: (item: unknown) => item is S): readonly S[] | undefined {
  if (!Array.isArray(value) && !(value instanceof Set)) return undefined;
  const members: unknown[] = [...value];
  return members.length > 0 && members.every(isMember) ? members : undefined;
}

const isObject = (value: unknown): boolean =>
  (typeof value === "object" && value !== null) || typeof value === "function";

export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object" && typeof value !== "function") return typeof value;
  if (typeof value === "function") return "function";
  // Objects made with a null prototype have no constructor.
  const maker: unknown = Object.getPrototypeOf(value)?.constructor;
  return typeof maker === "function" && maker.name !== "" ? maker.name : "object";
}
