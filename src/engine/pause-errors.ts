import { errorClass } from "../base/errors.ts";

/** The run is paused or suspended, so its code stops; not a failure. */
export class Pause extends errorClass("flow_paused") {}

/** A run that is not paused cannot be resumed. */
export class NotPausedError extends errorClass("not_paused") {}

/** Nobody resumed the run in time. */
export class FlowPauseTimeout extends errorClass("pause_timeout") {}

/** The run stays paused: what it was given does not fit what it waits for. */
export class ResumeRefusedError extends errorClass("resume_refused") {}

/** What the run was given does not fit what it waits for. */
export class RunInputError extends errorClass("invalid_run_input") {}
