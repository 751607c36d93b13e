/** Signals that are for the program as long as it runs. Source of the choice: tini, "Signal forwarding". */
const TAKEN: readonly NodeJS.Signals[] =
  process.platform === "win32"
    ? ["SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"]
    : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

/** Those that ask to end. */
const STOPS: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK"]);

export const isStop = (signal: NodeJS.Signals): boolean => STOPS.has(signal);

type Listener = NodeJS.SignalsListener;

function removeOthers(own: Listener): () => void {
  const removed = TAKEN.map((signal) => {
    const others = process.listeners(signal).filter((listener) => listener !== own);
    for (const listener of others) process.off(signal, listener);
    return { signal, others };
  });
  return () => {
    for (const { signal, others } of removed) for (const listener of others) process.on(signal, listener);
  };
}

/**
 * Takes the signals of this process. While a program runs they are passed on, and it alone decides what becomes of it;
 * otherwise those that ask to end abort {@link stopped}.
 */
export class SignalDesk implements Disposable {
  readonly #stop = new AbortController();
  readonly #unheard = new AbortController();
  readonly #restore: () => void;
  readonly #listener: Listener = (signal) => this.#take(signal);
  #target: ((signal: NodeJS.Signals) => void) | null = null;

  constructor() {
    // Ours first: a signal without any listener would end the process.
    for (const signal of TAKEN) process.on(signal, this.#listener);
    this.#restore = removeOthers(this.#listener);
  }

  /** Aborted, with the name of the signal as reason, by one that came while no program ran. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted by such a signal if nobody else listens to it: the engine, while a run is under way, ends it by itself. */
  get unheard(): AbortSignal {
    return this.#unheard.signal;
  }

  get stoppedBy(): NodeJS.Signals | null {
    // Only `#take` aborts it, with a signal's name.
    return this.stopped.aborted ? (this.stopped.reason as NodeJS.Signals) : null;
  }

  /**
   * Hands all signals to the program, and to nobody else: the engine would end the run before the program has.
   * The result, when called, gives them back; to us alone if the run is over.
   */
  passTo(target: (signal: NodeJS.Signals) => void): (isRunOver: boolean) => void {
    const restore = removeOthers(this.#listener);
    this.#target = target;
    return (isRunOver) => {
      this.#target = null;
      if (!isRunOver) restore();
    };
  }

  #take(signal: NodeJS.Signals): void {
    if (this.#target !== null) {
      this.#target(signal);
      return;
    }
    if (!isStop(signal)) return;
    this.#stop.abort(signal);
    if (process.listenerCount(signal) === 1) this.#unheard.abort(signal);
  }

  [Symbol.dispose](): void {
    this.#restore();
    for (const signal of TAKEN) process.off(signal, this.#listener);
  }
}
