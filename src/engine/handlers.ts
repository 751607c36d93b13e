import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import { describe } from "../orchestration/final-state.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { Failed } from "../states/constructors.ts";
import { isSignal, type Signal } from "../states/signals.ts";
import { isState, keepThrown, keepValue, type State } from "../states/state.ts";
import { typeName } from "../states/state-error.ts";
import type { AnyFlow, AnyTask, StateHandler, TerminalStateHandler } from "./definition.ts";
import { isSystemExit } from "./interruption.ts";
import { isThenable } from "./thenable.ts";

// A *state handler* sees a state change before it is stored and may replace the state. Source: Prefect 1,
// prefect.engine.runner, Runner.handle_state_change.

/**
 * What became of a state that was offered to handlers.
 * - `state`: go on with it.
 * - `signal`: a handler threw a signal, which stands for this state; the handlers after it were not asked.
 * - `failed`: a handler threw. The run is to fail in this state, without retry and without asking handlers again.
 */
export type Offered =
  | { readonly kind: "state"; readonly state: State }
  | { readonly kind: "signal"; readonly state: State; readonly signal: Signal }
  | { readonly kind: "failed"; readonly state: State; readonly error: unknown };

/** What the functions here need of a run. */
export interface HandledRun {
  readonly engine: { readonly clock: Clock; readonly log: Logger };
  readonly record: { readonly id: string; readonly runCount: number };
}

type HandlerResult = ReturnType<StateHandler>;

/** One handler, ready to be called with the state as the handlers before it left it. */
interface Ask {
  readonly name: string;
  readonly call: (state: State) => HandlerResult;
}

/** How messages name a handler. */
export function handlerName(handler: object): string {
  const name = typeof handler === "function" ? handler.name.replace(/^(bound )+/, "") : "";
  return name === "" ? "<anonymous>" : name;
}

/**
 * Offers a state change to the handlers in order. Each gets the same `oldState` and, as its `newState`, what the one
 * before it made of it. Answers at once when no handler is asynchronous. Call it inside the run's context.
 *
 * @throws SystemExit that a handler threw: it ends the run as it would from the body
 */
export function offer(
  handlers: readonly StateHandler[],
  object: AnyFlow | AnyTask,
  oldState: State,
  newState: State,
  run: HandledRun,
): Offered | Promise<Offered> {
  if (handlers.length === 0 || oldState === newState) return { kind: "state", state: newState };
  const asks = handlers.map((handler) => ({
    name: handlerName(handler),
    call: (state: State) => handler(object, oldState, state),
  }));
  return askFrom(0, asks, newState, run);
}

/**
 * Offers the final state of a flow run to its `terminalStateHandler`, with the states of the runs started in it.
 *
 * @throws SystemExit that it threw
 */
export function offerFinal(
  handler: TerminalStateHandler | null,
  flow: AnyFlow,
  final: State,
  childStates: () => readonly State[],
  run: HandledRun,
): Offered | Promise<Offered> {
  if (handler === null) return { kind: "state", state: final };
  const ask: Ask = { name: handlerName(handler), call: (state) => handler(flow, state, childStates()) };
  return askFrom(0, [ask], final, run);
}

function askFrom(from: number, asks: readonly Ask[], offered: State, run: HandledRun): Offered | Promise<Offered> {
  let state = offered;
  for (let index = from; index < asks.length; index += 1) {
    const ask = asks[index];
    if (ask === undefined) break;
    try {
      const given = ask.call(state);
      if (isThenable(given)) return askOn(index, asks, state, given, run);
      state = answer(ask.name, given, state);
    } catch (error) {
      return afterThrow(ask.name, error, state, run);
    }
  }
  return { kind: "state", state };
}

/** Waits for one answer, then goes on behind it. */
async function askOn(
  index: number,
  asks: readonly Ask[],
  offered: State,
  pending: PromiseLike<unknown>,
  run: HandledRun,
): Promise<Offered> {
  const name = asks[index]?.name ?? "";
  let state = offered;
  try {
    state = answer(name, await pending, offered);
  } catch (error) {
    return afterThrow(name, error, offered, run);
  }
  return askFrom(index + 1, asks, state, run);
}

/** @throws invalid_handler_result */
function answer(name: string, given: unknown, offered: State): State {
  if (given === undefined || given === null || given === offered) return offered;
  if (!isState(given)) throw new CodedTypeError("invalid_handler_result", { handler: name, got: typeName(given) });
  // A state made by hand that carries nothing has the result undefined, like a body that returns nothing.
  if (given.isCompleted() && given.data === undefined) keepValue(given, undefined);
  return given;
}

/** Signals stand for their state; anything else fails the run. @throws SystemExit */
function afterThrow(name: string, error: unknown, offered: State, { engine, record }: HandledRun): Offered {
  if (isSystemExit(error)) throw error;
  if (isSignal(error)) {
    const state = error.toState({ nowMs: engine.clock.now(), runCount: record.runCount });
    return { kind: "signal", state, signal: error };
  }
  const state = Failed({ message: `State handler ${name} failed with ${describe(error)}` });
  keepThrown(state, error);
  engine.log.error("a state handler failed, so its run fails", {
    run: record.id,
    handler: name,
    state: offered.name,
    error: redact(describe(error)),
  });
  return { kind: "failed", state, error };
}

/**
 * Tells the handlers of a state that nothing can change any more: the run crashed or is being cancelled, or the store
 * decided on it. What they return is ignored, what they throw is logged, and each of them is called.
 */
export function observe(
  handlers: readonly StateHandler[],
  object: AnyFlow | AnyTask,
  oldState: State,
  newState: State,
  run: HandledRun,
): Promise<void> | undefined {
  if (handlers.length === 0 || oldState === newState) return undefined;
  return tellAll(handlers, (handler) => handler(object, oldState, newState), newState, run);
}

async function tellAll(
  handlers: readonly StateHandler[],
  tell: (handler: StateHandler) => HandlerResult,
  { name: state }: State,
  { engine, record }: HandledRun,
): Promise<void> {
  for (const handler of handlers) {
    try {
      await tell(handler);
    } catch (error) {
      const fields = { run: record.id, handler: handlerName(handler), state, error: redact(describe(error)) };
      engine.log.error("a state handler failed; the state stays as it is", fields);
    }
  }
}
