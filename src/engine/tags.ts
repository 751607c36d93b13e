import { AsyncLocalStorage } from "node:async_hooks";
import { redact } from "../base/redactor.ts";

const scope = new AsyncLocalStorage<readonly string[]>();

const NO_TAGS: readonly string[] = [];

/** Tags of the code around, in the order in which they were added. */
export const currentTags = (): readonly string[] => scope.getStore() ?? NO_TAGS;

/** Every run that `fn` starts gets these tags, besides those of the tags around. */
export const tags = <T>(added: Iterable<string>, fn: () => T): T => scope.run(union(currentTags(), [...added]), fn);

/** Tags as a run keeps them: stored and shown, so without secrets. */
export const runTags = (given: readonly string[]): readonly string[] =>
  given.length === 0 ? NO_TAGS : given.map((tag) => redact(tag));

/** Each tag once, first come first. */
export function union(first: readonly string[], second: readonly string[] = NO_TAGS): readonly string[] {
  if (second.length === 0) return first;
  return first.length === 0 && second.length === 1 ? second : [...new Set([...first, ...second])];
}
