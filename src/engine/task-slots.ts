/** Lets so many of the submitted task runs of one flow run go at the same time; the others wait in line. */
export class TaskSlots {
  #free: number;
  readonly #line: (() => void)[] = [];

  /** @param limit At least 1. */
  constructor(limit: number) {
    this.#free = limit;
  }

  /**
   * Takes a slot, at once when one is free. Disposing gives it to the next in line.
   *
   * @throws the signal's reason, which also leaves the line
   */
  acquire(signal?: AbortSignal): Disposable | Promise<Disposable> {
    if (signal?.aborted === true) return Promise.reject(reasonOf(signal));
    if (this.#free === 0) return this.#queue(signal);
    this.#free -= 1;
    return this.#slot();
  }

  #queue(signal: AbortSignal | undefined): Promise<Disposable> {
    return new Promise((resolve, reject) => {
      const take = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve(this.#slot());
      };
      const leave = (): void => {
        this.#line.splice(this.#line.indexOf(take), 1);
        reject(reasonOf(signal));
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#line.push(take);
    });
  }

  #slot(): Disposable {
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        const next = this.#line.shift();
        // A slot that is handed on was never free, so nobody can push in.
        if (next === undefined) this.#free += 1;
        else next();
      },
    };
  }
}

/** The reason as it is, whatever its type. */
const reasonOf = (signal: AbortSignal | undefined): Error => signal?.reason as Error;
