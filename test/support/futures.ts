import type { Clock } from "../../src/base/clock.ts";
import { newId } from "../../src/base/ids.ts";
import type { Ended } from "../../src/engine/definition.ts";
import { Future, type FutureInit } from "../../src/engine/future.ts";
import { Completed, Failed, Running } from "../../src/states/constructors.ts";
import { acceptState, keepThrown, keepValue, type State } from "../../src/states/state.ts";
import { ManualClock } from "./manual-clock.ts";

/** A future whose run the test ends by hand. */
export class Handle<R = unknown> {
  readonly future: Future<R>;
  readonly id: string;
  #state: State = Running();
  readonly #ended = Promise.withResolvers<Ended>();

  constructor(init: Partial<FutureInit> & { readonly clock?: Clock } = {}) {
    this.id = init.id ?? newId();
    this.future = new Future<R>({
      id: this.id,
      name: "load-1a2",
      clock: new ManualClock(),
      ended: this.#ended.promise,
      stateNow: () => this.#state,
      ...init,
    });
  }

  async end(state: State, ended: Partial<Ended> = {}): Promise<void> {
    this.#state = state;
    acceptState(state, { timestampMicros: state.timestampMicros, flowRunId: null, taskRunId: this.id });
    this.#ended.resolve({ state, returned: null, thrown: null, ...ended });
    await this.future.wait();
  }

  async complete(value: R): Promise<void> {
    const state = Completed();
    keepValue(state, value);
    await this.end(state, { returned: { value } });
  }

  async fail(error: unknown, state: State = Failed({ message: "Task run failed" })): Promise<void> {
    keepThrown(state, error);
    await this.end(state, { thrown: { error } });
  }

  async interrupt(error: unknown, state: State): Promise<void> {
    this.#state = state;
    this.#ended.reject(error);
    await this.future.wait();
  }
}

export async function completed<R>(value: R): Promise<Future<R>> {
  const handle = new Handle<R>();
  await handle.complete(value);
  return handle.future;
}

export async function failed(error: unknown): Promise<Future> {
  const handle = new Handle();
  await handle.fail(error);
  return handle.future;
}

export async function ended(state: State): Promise<Future> {
  const handle = new Handle();
  await handle.end(state);
  return handle.future;
}
