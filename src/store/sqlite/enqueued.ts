import { killPoint } from "../../base/kill-points.ts";

type Listener = (destinations: readonly string[]) => void;

/** Tells the dispatcher of this process which destinations a commit gave something to do. */
export interface Enqueued {
  listen(listener: Listener): Disposable;
  tell(destinations: readonly string[]): void;
}

export function openEnqueued(): Enqueued {
  const listeners = new Set<{ readonly listener: Listener }>();
  return {
    listen: (listener) => {
      // An object of its own, so that the same function may listen twice.
      const entry = { listener };
      listeners.add(entry);
      return { [Symbol.dispose]: () => void listeners.delete(entry) };
    },
    tell: (destinations) => {
      if (destinations.length === 0) return;
      killPoint("enqueue:after");
      const unique = [...new Set(destinations)];
      for (const { listener } of listeners) listener(unique);
    },
  };
}
