import type { RunRecord } from "../../runs/flow-run.ts";
import type { Batch } from "./commit-queue.ts";

/** What the queued changes of one run share. */
export interface Chain {
  /** Primary key of the run's row, once this process has inserted it. */
  key: number | null;
  /** In this transaction, the row is written as it is after the change with the number `through`. */
  written: { readonly batch: Batch; readonly through: number } | null;
}

/** The place of one change among the queued changes of its run; `V` is the run's row. */
export interface Link<V> {
  /** Its number in the queue. */
  readonly number: number;
  readonly stateId: string;
  /** The row after the change. */
  readonly values: V;
  readonly chain: Chain;
  /** The change that follows it directly and that nobody waits for, so that nothing takes it out of the queue. */
  next: Link<V> | null;
}

interface Linked<V> {
  readonly run: RunRecord;
  readonly stateId: string;
  readonly follows: string | null;
  readonly values: V;
  readonly number: number;
  /** False for a change whose caller waits: it leaves the queue when the store cannot take it. */
  readonly isBehind: boolean;
}

/** Knows the newest queued change of each run. */
export interface RunChains<V> {
  link(linked: Linked<V>): Link<V>;
}

/**
 * Links the changes of each run, so that its row is written once in a transaction, however many of its states are in it:
 * as the last of them leaves it. The states themselves are stored one by one, in the order of the calls.
 */
export function openRunChains<V>(): RunChains<V> {
  // By the run's record, which is one object for as long as the run lives.
  const newest = new WeakMap<RunRecord, Link<V>>();
  return {
    link: ({ run, stateId, follows, values, number, isBehind }) => {
      const before = newest.get(run);
      const isNext = before !== undefined && before.stateId === follows;
      const chain = isNext ? before.chain : { key: null, written: null };
      const link: Link<V> = { number, stateId, values, chain, next: null };
      if (isNext && isBehind) before.next = link;
      newest.set(run, link);
      return link;
    },
  };
}

/** True when this transaction has the row already as it is after this change or a later one. */
export const isWritten = <V>({ chain, number }: Link<V>, batch: Batch): boolean =>
  chain.written !== null && chain.written.batch === batch && chain.written.through >= number;

/** The last change of the run in this transaction that follows this one without a gap. */
export function lastWithin<V>(link: Link<V>, batch: Batch): Link<V> {
  let last = link;
  while (last.next !== null && last.next.number <= batch.through) last = last.next;
  return last;
}
