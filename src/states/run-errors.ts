import { errorClass } from "../base/errors.ts";

/** The result of a paused run was asked for. */
export class PausedRun extends errorClass("paused_run") {}

/** The result of a run that has not ended was asked for. */
export class UnfinishedRun extends errorClass("unfinished_run") {}

/** The run completed, but its value was not kept where the caller can get it. */
export class MissingResult extends errorClass("missing_result") {}

/** A failed run whose error is not at hand. */
export class FailedRun extends errorClass("failed_run") {}

/** A crashed run whose error is not at hand. */
export class CrashedRun extends errorClass("crashed_run") {}

/** A cancelled run. */
export class CancelledRun extends errorClass("cancelled_run") {}

/** A failed state made of other states, none of which is failed, crashed or cancelled. */
export class StateGroupError extends errorClass("state_group") {}

/** The fields of a state contradict each other or do not exist. */
export class InvalidStateError extends errorClass("invalid_state") {}

/** A flow or task ran longer than its `timeoutSeconds`. */
export class TimeoutError extends errorClass("run_timeout") {}

/** No signal leads to such a state. */
export class StateWithoutSignalError extends errorClass("state_without_signal") {}
