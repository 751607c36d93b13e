import type { Clock } from "../base/clock.ts";

/**
 * Timers run on the monotonic clock, due times are wall-clock instants. Looking again this often bounds how late a
 * wake comes after the machine slept or its clock was set.
 */
const LONGEST_WAIT_MS = 30_000;

/** All that a dispatcher asks of whatever distributes work: look at this destination at this instant. */
export interface WakePort extends Disposable {
  /** Wakes still to come. */
  readonly size: number;
  /** @param atMs Epoch milliseconds; the past means now. */
  wake(destination: string, atMs: number): void;
}

interface Entry {
  readonly destination: string;
  readonly atMs: number;
}

/**
 * Wakes destinations in this process, earliest first, with one timer for all. The timer does not hold the process open.
 * A destination may wait for several instants; each of them calls back once.
 */
export function startWakeHeap(parts: {
  readonly clock: Clock;
  readonly onDue: (destination: string) => void;
}): WakePort {
  const { clock, onDue } = parts;
  const heap: Entry[] = [];
  const known = new Set<string>();
  let timer: { readonly atMs: number; readonly handle: Disposable } | undefined;

  const keyOf = (entry: Entry) => `${entry.atMs} ${entry.destination}`;

  const arm = (): void => {
    const first = heap[0];
    if (timer !== undefined && timer.atMs === first?.atMs) return;
    timer?.handle[Symbol.dispose]();
    timer = undefined;
    if (first === undefined) return;
    const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(0, first.atMs - clock.now()));
    timer = { atMs: first.atMs, handle: clock.timer(waitMs, ring, { keepAlive: false }) };
  };

  const ring = (): void => {
    timer = undefined;
    const nowMs = clock.now();
    const due: string[] = [];
    for (let first = heap[0]; first !== undefined && first.atMs <= nowMs; first = heap[0]) {
      removeFirst(heap);
      known.delete(keyOf(first));
      due.push(first.destination);
    }
    arm();
    for (const destination of due) onDue(destination);
  };

  return {
    get size() {
      return heap.length;
    },
    wake(destination, atMs) {
      // Nothing waits for what is due already: a timer of 0 ms costs a turn of the event loop.
      if (atMs <= clock.now()) {
        onDue(destination);
        return;
      }
      const entry = { destination, atMs: Math.ceil(atMs) };
      if (known.has(keyOf(entry))) return;
      known.add(keyOf(entry));
      insert(heap, entry);
      arm();
    },
    [Symbol.dispose]() {
      timer?.handle[Symbol.dispose]();
      timer = undefined;
      heap.length = 0;
      known.clear();
    },
  };
}

/** Binary min-heap by instant: the parent of position i is at (i - 1) / 2. */
function insert(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || parent.atMs <= entry.atMs) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = entry;
}

function removeFirst(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
    const smaller = right !== undefined && left !== undefined && right.atMs < left.atMs ? right : left;
    if (smaller === undefined || smaller.atMs >= last.atMs) break;
    heap[at] = smaller;
    at = smaller === left ? 2 * at + 1 : 2 * at + 2;
  }
  heap[at] = last;
}
