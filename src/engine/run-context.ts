import { errorClass } from "../base/errors.ts";
import { FlowRun, TaskRun } from "../runs/run-view.ts";
import { type ActiveRun, currentFrame, type Frame, runOver } from "./active-run.ts";
import type { AnyFlow, AnyTask } from "./definition.ts";

/** There is no run around the code that asked for one. */
export class MissingContextError extends errorClass("missing_context") {}

/** The run that code belongs to. */
export class RunContext {
  readonly #frame: Frame;
  readonly #run: ActiveRun;

  constructor(frame: Frame) {
    this.#frame = frame;
    this.#run = frame.run;
  }

  /** Of the innermost run: hooks of a flow and the flow's body are in `flow`, those of a task in `task`. */
  get kind(): "flow" | "task" {
    return this.#run.subject.kind;
  }

  /** The flow object of {@link flowRun}. */
  get flow(): AnyFlow | null {
    const subject = this.#run.flow?.subject;
    return subject?.kind === "flow" ? subject.object : null;
  }

  /** The innermost flow run; null for a task outside a flow. */
  get flowRun(): FlowRun | null {
    const view = this.#run.flow?.view;
    return view instanceof FlowRun ? view : null;
  }

  get task(): AnyTask | null {
    const { subject } = this.#run;
    return subject.kind === "task" ? subject.object : null;
  }

  /** Null unless the innermost run is a task run. */
  get taskRun(): TaskRun | null {
    const { view } = this.#run;
    return view instanceof TaskRun ? view : null;
  }

  /** Arguments of the innermost run by name, live. */
  get parameters(): Readonly<Record<string, unknown>> {
    return this.#run.parameters;
  }

  /** Aborted when the attempt times out or the run is interrupted. Hand it to whatever can be stopped. */
  get signal(): AbortSignal {
    const { overAs, isHook } = this.#frame;
    // The run may go on to another attempt, which has a signal of its own.
    return overAs === null || isHook ? this.#run.signal : AbortSignal.abort(runOver(this.#run, overAs));
  }
}

/** The innermost run around this code. @throws missing_context */
export function getRunContext(): RunContext {
  const frame = currentFrame();
  if (frame === undefined) throw new MissingContextError({ wanted: "flow run or task run" });
  return new RunContext(frame);
}
