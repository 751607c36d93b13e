import type { State } from "../states/state.ts";
import type { AllowFailure, Annotation, Unmapped } from "./annotations.ts";
import type { Future } from "./future.ts";
import type { FutureList } from "./future-list.ts";

/** What the future of a run gives: of a state that the body made itself, the data in it. */
export type FutureValue<R> = R extends State<infer T> ? T | State<T> : R;

type Handle<T> = Future<T> | State<T>;

/** How deep futures in lists and objects are typed. Deeper ones work, but have to be cast. */
type Deeper = readonly [never, 0, 1, 2];
type Depth = 0 | 1 | 2 | 3;

/** An object whose properties may hold futures: not a function, nor a list. */
type WithProperties<T> = T extends readonly unknown[] | ((...args: never[]) => unknown) ? never : T & object;

/** The forms that a parameter of type T may be given in, futures in place of values at any place in it. */
type Parts<T, D extends Depth> = D extends 0
  ? never
  : T extends readonly (infer U)[]
    ? readonly Given<U, Deeper[D]>[]
    : [WithProperties<T>] extends [never]
      ? never
      : { readonly [K in keyof T]: Given<T[K], Deeper[D]> };

type Given<T, D extends Depth> = T | Handle<T> | AllowFailure<MayFail<T, D>> | Unmapped<T | Handle<T>> | Parts<T, D>;

/** What `allowFailure` may wrap: the body must be ready to get an error where the value was expected. */
type MayFail<T, D extends Depth> =
  | (Error extends T ? Handle<T> | T : never)
  | (D extends 0 ? never : T extends readonly (infer U)[] ? readonly (U | MayFail<U, Deeper[D]>)[] : never)
  | Unmapped<Error extends T ? Handle<T> | T : never>;

/** A parameter of type T as `submit` and a call with futures take it. */
export type Upstream<T> = Given<T, 3>;

/** Arguments A, each also as a future, a state, or wrapped in `allowFailure` or `unmapped`. */
export type Submittable<A extends readonly unknown[]> = { [K in keyof A]: Upstream<A[K]> };

/** What `map` gives to every run as it is: everything that it cannot take apart. */
type Constant<T> = T extends string | Uint8Array ? T : T extends Iterable<unknown> ? never : T;

type MappableArg<T> =
  | Iterable<Upstream<T>>
  | Handle<Iterable<T> | Constant<T>>
  | Unmapped<Upstream<T>>
  | AllowFailure<Iterable<MayFail<T, 3>> | MayFail<T, 3>>
  | Constant<T>;

/** Arguments of `map` over runs that take A: for each a list of values, or one value for every run. */
export type Mappable<A extends readonly unknown[]> = { [K in keyof A]: MappableArg<A[K]> };

type HasHandle<M extends readonly unknown[]> = true extends {
  [K in keyof M]: M[K] extends Annotation ? false : Extract<M[K], Handle<unknown>> extends never ? false : true;
}[number]
  ? true
  : false;

/** What `map` gives: the futures at once, or later when it first has to wait for a future of a list. */
export type Mapped<M extends readonly unknown[], R> =
  HasHandle<M> extends true ? Promise<FutureList<FutureValue<R>>> : FutureList<FutureValue<R>>;

/** `submit` of a task or flow that takes A and returns R. */
export type Submit<A extends readonly unknown[], R> = (...args: Submittable<A>) => Future<FutureValue<R>>;

/** `map` of a task that takes A and returns R. */
export type MapRuns<A extends readonly unknown[], R> = <const M extends Mappable<A>>(...args: M) => Mapped<M, R>;
