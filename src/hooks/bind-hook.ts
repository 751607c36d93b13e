import type { State } from "../states/state.ts";
import { hookName, nameHook } from "./hook.ts";

/**
 * A hook that is called with one more argument.
 *
 * @example
 * onFailure: [bindHook(tell, { channel: "#ops" })] // tell(flow, flowRun, state, { channel: "#ops" })
 */
export const bindHook = <O, R, E>(
  hook: (object: O, run: R, state: State, extra: E) => unknown,
  extra: E,
): ((object: O, run: R, state: State) => unknown) =>
  nameHook((object: O, run: R, state: State) => hook(object, run, state, extra), hookName(hook));
