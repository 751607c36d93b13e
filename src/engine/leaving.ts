import { errorClass } from "../base/errors.ts";
import { Pause } from "./pause-errors.ts";

/** A state that the rules refuse. */
export class Abort extends errorClass("transition_refused") {}

/** Errors that leave the run in the state it is in: the rules refused to move it, or it was suspended. */
export const leavesRunAsItIs = (error: unknown): boolean => error instanceof Abort || error instanceof Pause;
