/**
 * Holds back the tasks that a paused flow run would start. Looked at before each task, so an open gate costs a property.
 */
export class PauseGate {
  #closed: PromiseWithResolvers<void> | undefined;

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  close(): void {
    if (this.#closed !== undefined) return;
    this.#closed = Promise.withResolvers<void>();
    // Nobody may be waiting when it breaks.
    this.#closed.promise.catch(() => undefined);
  }

  /** Whoever waits goes on. */
  open(): void {
    const closed = this.#closed;
    this.#closed = undefined;
    closed?.resolve();
  }

  /** The pause has no good end: whoever waits gets the error. */
  break(error: unknown): void {
    const closed = this.#closed;
    this.#closed = undefined;
    closed?.reject(error);
  }

  /** Resolves when the gate is open; at once when it is. @throws the signal's reason, what the gate was broken with */
  async wait(signal?: AbortSignal): Promise<void> {
    while (this.#closed !== undefined) await untilAborted(this.#closed.promise, signal);
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

const gates = new WeakMap<object, PauseGate>();

/** The gate of a flow run; made when first asked for, which most runs never do. @param run Its record, or what runs it. */
export function pauseGateOf(run: object): PauseGate {
  let gate = gates.get(run);
  if (gate === undefined) {
    gate = new PauseGate();
    gates.set(run, gate);
  }
  return gate;
}
