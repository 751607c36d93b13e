import type { Delivery } from "../../src/delivery/delivery.ts";
import type { FlowRunRecord, TaskRunRecord } from "../../src/runs/flow-run.ts";
import type { SqliteStore } from "../../src/store/sqlite/open.ts";
import type { State } from "../../src/states/state.ts";

/**
 * What the working process says: that it asks for a step, which will make these facts true, and that it was told the
 * step is done. Steps count up in the order of the calls.
 */
export type Said = { readonly step: number; readonly facts: readonly string[] } | { readonly acknowledged: number };

/** A fact, once it is true, stays true. */
export const stateFact = (run: FlowRunRecord | TaskRunRecord, state: State): string =>
  `${run.kind} ${run.id} ${state.id}`;
export const deliveryFact = (id: string): string => `delivery ${id}`;
export const claimedFact = (id: string): string => `claimed ${id}`;
export const settledFact = (id: string, to: string): string => `settled ${id} ${to}`;

const subjectsOf = (facts: readonly string[], kind: string): string[] => [
  ...new Set(facts.flatMap((fact) => (fact.startsWith(`${kind} `) ? [fact.split(" ")[1] ?? ""] : []))),
];

/** Which facts about these runs and deliveries the store knows. */
export async function readFacts(store: SqliteStore, known: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const id of subjectsOf(known, "flow-run")) {
    for (const { state } of await store.runs.listStates({ flowRunId: id })) found.add(`flow-run ${id} ${state.id}`);
    for (const delivery of await store.outbox.list({ flowRunId: id })) await addDelivery(found, delivery, store);
  }
  for (const id of subjectsOf(known, "task-run"))
    for (const { state } of await store.runs.listStates({ taskRunId: id })) found.add(`task-run ${id} ${state.id}`);
  return found;
}

async function addDelivery(found: Set<string>, { id, status, unreadable }: Delivery, store: SqliteStore) {
  const attempts = await store.outbox.attempts(id);
  // What cannot be read, because its key is gone, is as good as gone.
  if (unreadable === undefined) found.add(deliveryFact(id));
  if (status !== "queued" || attempts.length > 0) found.add(claimedFact(id));
  if (attempts.length > 0) found.add(settledFact(id, status));
}

/** Compares a store with what a process was told. */
export class StepLog {
  readonly #steps: { readonly number: number; readonly facts: readonly string[] }[] = [];

  constructor(said: readonly Said[]) {
    for (const one of said) if ("step" in one) this.#steps.push({ number: one.step, facts: one.facts });
  }

  get facts(): string[] {
    return this.#steps.flatMap((step) => step.facts);
  }

  /** Steps that are only half there, or there without one before them. */
  breaches(found: ReadonlySet<string>): string[] {
    let missing: number | undefined;
    return this.#steps.flatMap(({ number, facts }) => {
      const there = facts.filter((fact) => found.has(fact)).length;
      if (there < facts.length) missing ??= number;
      if (there > 0 && there < facts.length) return [`step ${number} is half there`];
      return there > 0 && missing !== undefined ? [`step ${number} is there without step ${missing}`] : [];
    });
  }

  /** Whether all steps up to this one are there, whole. The store writes in the order of the calls. */
  hasAll(found: ReadonlySet<string>, acknowledged: number): boolean {
    return this.#steps
      .filter(({ number }) => number <= acknowledged)
      .every(({ facts }) => facts.every((fact) => found.has(fact)));
  }
}
