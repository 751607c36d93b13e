import type { ResultOptions, State } from "../states/state.ts";
import { asCompleted, type Future, wait, type WaitedFutures, type WaitOptions } from "./future.ts";

interface FutureListMethods<R> {
  /** Waits until all are done, or `timeout` seconds are over. Failures are not thrown. */
  wait(options?: WaitOptions): Promise<WaitedFutures<R>>;
  /**
   * The values, in the order of the list. The first failure, in time, is thrown at once.
   *
   * @throws wait_timeout; what `Future.result()` throws
   */
  result(options?: WaitOptions & { readonly raiseOnFailure?: true }): Promise<R[]>;
  result(options: WaitOptions & Pick<ResultOptions, "raiseOnFailure">): Promise<unknown[]>;
  /** The states now, in the order of the list. */
  readonly states: readonly State<R>[];
}

/** The futures of one `map`: an array that can be waited for as a whole. Source: Prefect 3, PrefectFutureList. */
export type FutureList<R = unknown> = readonly Future<R>[] & FutureListMethods<R>;

/** Gives a list of futures its methods. They do not show when the list is looped over or compared. */
export function futureList<R>(futures: readonly Future<R>[]): FutureList<R> {
  const list = [...futures];
  const methods: PropertyDescriptorMap = {
    wait: { value: (options?: WaitOptions) => wait(list, options) },
    result: { value: (options?: WaitOptions & ResultOptions) => resultsOf(list, options) },
    states: { get: () => list.map(({ state }) => state) },
  };
  // The three members of FutureListMethods have just been defined.
  return Object.defineProperties(list, methods) as unknown as FutureList<R>;
}

async function resultsOf<R>(list: readonly Future<R>[], options: WaitOptions & ResultOptions = {}): Promise<unknown[]> {
  const { timeout, raiseOnFailure = true } = options;
  const values = new Map<Future<R>, unknown>();
  for await (const future of asCompleted(list, { timeout }))
    values.set(future, await future.result({ raiseOnFailure }));
  return list.map((future) => values.get(future));
}
