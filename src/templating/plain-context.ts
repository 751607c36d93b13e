import type { RunMessage } from "./context.ts";
import { deepFreeze } from "./deep-freeze.ts";

/** Contexts that are known to be plain data: asking once is cheaper than asking V8 about every member each time. */
const known = new WeakSet<RunMessage>();

/** Promises that a context was read from JSON and that nobody changes it, so that it is rendered without being copied. */
export function plainContext(context: RunMessage): RunMessage {
  known.add(context);
  return context;
}

/** The context itself when it is plain or frozen, else a frozen copy: data without prototypes, getters or functions. */
export function asPlain(context: RunMessage): RunMessage {
  if (known.has(context)) return context;
  return plainContext(Object.isFrozen(context) ? context : deepFreeze(structuredClone(context)));
}
