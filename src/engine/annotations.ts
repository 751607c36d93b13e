/** What a wrapper around an argument asks for. */
export type AnnotationKind = "allow-failure" | "unmapped";

/** An argument with a wish attached. The wrapper is taken off before the body gets its arguments. */
export class Annotation<out T = unknown, out K extends AnnotationKind = AnnotationKind> {
  readonly #kind: K;
  readonly value: T;

  constructor(kind: K, value: T) {
    this.#kind = kind;
    this.value = value;
  }

  get kind(): K {
    return this.#kind;
  }

  static is(value: object): value is Annotation {
    return #kind in value;
  }

  /** The same wish for another value. */
  rewrap<U>(value: U): Annotation<U, K> {
    return new Annotation(this.#kind, value);
  }
}

export type AllowFailure<T> = Annotation<T, "allow-failure">;
export type Unmapped<T> = Annotation<T, "unmapped">;

/**
 * Lets a run start although this upstream failed or could not start; the body then gets the error in place of the value.
 * Wraps a future, a state, or a list or object that holds some. Source: Prefect 3, allow_failure.
 *
 * @example
 * report.submit(allowFailure(load.submit("orders")));
 */
export const allowFailure = <T>(upstream: T): AllowFailure<T> => new Annotation("allow-failure", upstream);

/**
 * Gives a list as it is to every run of a `map`, instead of one of its items to each. Source: Prefect 3, unmapped.
 *
 * @example
 * load.map(tables, unmapped(columns));
 */
export const unmapped = <T>(value: T): Unmapped<T> => new Annotation("unmapped", value);
