import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";

/** Functions given as one option, in order. Copied on the way in, and never shared with another object. */
export class FunctionList<F extends object> {
  readonly option: string;
  #items: readonly F[];

  /** @throws invalid_hook when it is no list of functions */
  constructor(option: string, given: unknown) {
    this.option = option;
    this.#items = given === undefined || given === null ? [] : this.#checked(given);
  }

  get items(): readonly F[] {
    return this.#items;
  }

  /** Adds a function behind the others and gives it back. @throws invalid_hook */
  add<G extends F>(fn: G): G {
    this.#items = [...this.#items, this.#check(fn)];
    return fn;
  }

  #checked(given: unknown): F[] {
    if (typeof given === "function") this.#refuse("a list of functions is needed, and a single function was given");
    if (typeof given !== "object" || given === null || !(Symbol.iterator in given))
      return this.#refuse(`a list of functions is needed, got ${typeName(given)}`);
    // An object with an iterator is iterable as far as can be told before it is used.
    return [...(given as Iterable<unknown>)].map((fn) => this.#check(fn));
  }

  #check(given: unknown): F {
    // What the function takes is known to the types of the flow and task that it is given to.
    return typeof given === "function"
      ? (given as unknown as F)
      : this.#refuse(`a function is needed, got ${typeName(given)}`);
  }

  #refuse(problem: string): never {
    throw new CodedTypeError("invalid_hook", { option: this.option, problem, example: `${this.option}: [myFunction]` });
  }
}
