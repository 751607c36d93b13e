import type { AnyFlow, AnyTask, StateHandler } from "../engine/definition.ts";
import { isThenable } from "../engine/thenable.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import type { State } from "../states/state.ts";
import { typeName } from "../states/state-error.ts";
import { hookName } from "./hook.ts";

/** Called with the flow or task, and the state that is about to be entered. It may be async. */
export type StateCallback<O = AnyFlow | AnyTask> = (obj: O, state: State) => unknown;

/**
 * A state handler that calls `fn` with every state for which `check` returns true, and changes nothing. What `fn` throws
 * fails the run, as in any state handler. Source: Prefect 1, prefect.utilities.notifications, callback_factory.
 *
 * @param check Only `true` counts, not what is merely truthy.
 * @throws invalid_definition
 * @example
 * task({ stateHandlers: [callbackFactory(tellOps, (state) => state.isRetrying())] }, load)
 */
export function callbackFactory<O = AnyFlow | AnyTask>(
  fn: StateCallback<O>,
  check: (state: State) => boolean,
): StateHandler<O> {
  const call = checkFunction("callbackFactory: fn", fn);
  const matches: (state: State) => unknown = checkFunction("callbackFactory: check", check);
  const handler: StateHandler<O> = (obj, _oldState, newState) => {
    if (matches(newState) !== true) return newState;
    const done = call(obj, newState);
    return isThenable(done) ? done.then(() => newState) : newState;
  };
  // Messages about a failing handler name the function that the user wrote.
  return Object.defineProperty(handler, "name", { value: hookName(fn) });
}

/**
 * The state handler of the option `onFailureCallback`: called on every failed attempt, whatever the Failed state's name.
 * It goes after all listed handlers, so that it sees what they made of the state.
 *
 * @throws invalid_definition
 */
export const onFailureCallback = <O = AnyFlow | AnyTask>(fn: StateCallback<O>): StateHandler<O> =>
  callbackFactory(checkFunction("onFailureCallback", fn), (state) => state.isFailed());

function checkFunction<F>(option: string, given: F): F {
  if (typeof given === "function") return given;
  throw new CodedTypeError("invalid_definition", {
    option,
    problem: `it must be a function, got ${typeName(given)}`,
  });
}
