import { InvalidStateError } from "./run-errors.ts";
import { checkStateInit, State, type StateInit } from "./state.ts";
import type { StateDetails } from "./state-details.ts";
import type { StateType } from "./state-type.ts";

/** What every factory takes. */
export interface StateOptions<R = unknown> {
  readonly name?: string;
  readonly message?: string | null;
  /** A value for the result, or an error. */
  readonly data?: R;
  readonly stateDetails?: StateDetails;
}

export interface ScheduledOptions<R = unknown> extends StateOptions<R> {
  /** When the run is to start. Default now. */
  readonly scheduledTime?: Date;
}

export interface PausedOptions<R = unknown> extends StateOptions<R> {
  /** Seconds until resuming fails; not together with `pauseExpirationTime`. Default: never. */
  readonly timeoutSeconds?: number;
  readonly pauseExpirationTime?: Date;
  /** True: the process ends and a resume starts a new one. Default false. */
  readonly reschedule?: boolean;
  /** The same key pauses a run at most once. */
  readonly pauseKey?: string;
}

/** A state of any type. @throws invalid_state naming the field */
export function state<R = unknown>(init: StateInit & { readonly data?: R }): State<R> {
  checkStateInit(init);
  const made = new State<R>(init);
  const { scheduledTime } = made.stateDetails;
  if (made.type !== "SCHEDULED" || scheduledTime != null) return made;
  return new State<R>({
    ...init,
    id: made.id,
    timestampMicros: made.timestampMicros,
    stateDetails: { ...init.stateDetails, scheduledTime: made.timestamp },
  });
}

const factory =
  (type: StateType, name?: string) =>
  <R = unknown>(options: StateOptions<R> = {}): State<R> =>
    new State<R>({
      ...options,
      type,
      ...((options.name ?? name) === undefined ? {} : { name: options.name ?? name ?? "" }),
    });

function scheduled<R>(defaultName: string, options: ScheduledOptions<R>): State<R> {
  const { scheduledTime, stateDetails, name = defaultName, ...rest } = options;
  if (scheduledTime !== undefined && stateDetails?.scheduledTime != null) {
    throw new InvalidStateError({ field: "scheduledTime", problem: "it is also given in stateDetails" });
  }
  const details = scheduledTime === undefined ? stateDetails : { ...stateDetails, scheduledTime };
  return state<R>({ ...rest, type: "SCHEDULED", name, ...(details === undefined ? {} : { stateDetails: details }) });
}

const MS_PER_SECOND = 1_000;

function paused<R>(defaultName: string, options: PausedOptions<R>): State<R> {
  const {
    timeoutSeconds,
    pauseExpirationTime,
    reschedule = false,
    pauseKey,
    stateDetails,
    name = defaultName,
    ...rest
  } = options;
  if (stateDetails?.pauseTimeout != null) {
    throw new InvalidStateError({
      field: "pauseTimeout",
      problem: "give timeoutSeconds or pauseExpirationTime, not stateDetails.pauseTimeout",
    });
  }
  if (timeoutSeconds !== undefined && pauseExpirationTime !== undefined) {
    throw new InvalidStateError({ field: "timeoutSeconds", problem: "pauseExpirationTime is given as well" });
  }
  const made = new State<R>({ ...rest, type: "PAUSED", name });
  const expires =
    timeoutSeconds === undefined
      ? pauseExpirationTime
      : new Date(made.timestamp.getTime() + timeoutSeconds * MS_PER_SECOND);
  const details: StateDetails = {
    ...stateDetails,
    pauseReschedule: reschedule,
    ...(expires === undefined ? {} : { pauseTimeout: expires }),
    ...(pauseKey === undefined ? {} : { pauseKey }),
  };
  return new State<R>({
    ...rest,
    id: made.id,
    timestampMicros: made.timestampMicros,
    type: "PAUSED",
    name,
    stateDetails: details,
  });
}

/** The run is made and has not begun. */
export const Pending = factory("PENDING");
/** A worker or runner is launching the run. */
export const Submitting = factory("PENDING", "Submitting");
/** The infrastructure exists; the run has not started on it. */
export const InfrastructurePending = factory("PENDING", "InfrastructurePending");
/** The first attempt is running. */
export const Running = factory("RUNNING");
/** The second or a later attempt is running. */
export const Retrying = factory("RUNNING", "Retrying");
/** Somebody asked for the end of the run, and it cleans up. */
export const Cancelling = factory("CANCELLING");
/** Ended because somebody asked for it. */
export const Cancelled = factory("CANCELLED");
/** Ended well. `data` is the result; a body that returns this state chooses its name and message. */
export const Completed = factory("COMPLETED");
/** Ended by an error in the code. `data` is the error; a body that returns this state fails without throwing. */
export const Failed = factory("FAILED");
/** Ended by something outside of the code, such as a signal or a dead process. */
export const Crashed = factory("CRASHED");

/** To start at `scheduledTime`. @throws invalid_state when the time is given twice */
export const Scheduled = <R = unknown>(options: ScheduledOptions<R> = {}): State<R> => scheduled("Scheduled", options);
/** Its start time has passed. @throws invalid_state when the time is given twice */
export const Late = <R = unknown>(options: ScheduledOptions<R> = {}): State<R> => scheduled("Late", options);
/** An attempt failed and another one follows at `scheduledTime`. @throws invalid_state when the time is given twice */
export const AwaitingRetry = <R = unknown>(options: ScheduledOptions<R> = {}): State<R> =>
  scheduled("AwaitingRetry", options);
/** No slot is free. @throws invalid_state when the time is given twice */
export const AwaitingConcurrencySlot = <R = unknown>(options: ScheduledOptions<R> = {}): State<R> =>
  scheduled("AwaitingConcurrencySlot", options);
/** Waits in its process until it is resumed. @throws invalid_state when two timeouts are given */
export const Paused = <R = unknown>(options: PausedOptions<R> = {}): State<R> => paused("Paused", options);
/** Stopped; a resume starts a new process. @throws invalid_state when two timeouts are given */
export const Suspended = <R = unknown>(options: Omit<PausedOptions<R>, "reschedule"> = {}): State<R> =>
  paused("Suspended", { ...options, reschedule: true });
