import type { State } from "../states/state.ts";
import { TaskSlots } from "./task-slots.ts";

/** A child flow run that has ended, for the next attempt of its parent. */
export interface EndedChild {
  readonly state: State;
  /** True when its result is kept: the next attempt does not run it again. */
  readonly isKept: boolean;
}

/** What a flow run knows of the runs that were started in it. */
export class RunsInside {
  /** Runs started so far, by task key, over all attempts: two runs never share a key. */
  readonly #started = new Map<string, number>();
  /** Child flow runs called in this attempt, by name. */
  readonly #called = new Map<string, number>();
  readonly #children = new Map<string, EndedChild>();
  readonly #open = new Set<Promise<unknown>>();
  readonly #states: (() => State)[] = [];
  #slots: TaskSlots | undefined;

  /** Places for the submitted runs; the limit is that of the flow. */
  slots(limit: number): TaskSlots {
    this.#slots ??= new TaskSlots(limit);
    return this.#slots;
  }

  /** A new attempt calls its children from the beginning. */
  begin(): void {
    this.#called.clear();
  }

  /** Numbers the runs of one task. */
  nextKey(taskKey: string): number {
    const started = this.#started.get(taskKey) ?? 0;
    this.#started.set(taskKey, started + 1);
    return started;
  }

  /** Names the call of a child flow, the same in every attempt. */
  nextCall(flowName: string): string {
    const called = this.#called.get(flowName) ?? 0;
    this.#called.set(flowName, called + 1);
    return `${flowName}/${called}`;
  }

  endedChild(call: string): EndedChild | undefined {
    return this.#children.get(call);
  }

  keepChild(call: string, child: EndedChild): void {
    this.#children.set(call, child);
  }

  /** Remembers where to look for the state of a run; asked for only where somebody wants them. */
  watch(stateOf: () => State): void {
    this.#states.push(stateOf);
  }

  /** States of the runs watched, in the order in which they were started. */
  states(): State[] {
    return this.#states.map((stateOf) => stateOf());
  }

  /** A run that nobody may wait for; the flow run does not end before it. */
  opened(run: Promise<unknown>): void {
    this.#open.add(run);
    const done = (): void => void this.#open.delete(run);
    void run.finally(done).catch(() => undefined);
  }

  /** Resolves when everything submitted has ended; undefined when there is nothing to wait for. */
  settled(): Promise<void> | undefined {
    return this.#open.size === 0 ? undefined : this.#whenSettled();
  }

  async #whenSettled(): Promise<void> {
    // What ends may have started something else.
    while (this.#open.size > 0) await Promise.allSettled(this.#open);
  }
}
