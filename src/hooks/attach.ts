import type { Participants } from "../engine/definition.ts";
import type { DeclaredHook } from "../runs/declared-hook.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";
import type { FlowHook, HookFn, TaskHook } from "./hook.ts";
import { isNotifyHook, type NotifyHook } from "./notify.ts";
import { FIRES_ON, type HookEvent, onEvent } from "./on-state.ts";

/** Events of each kind of object, in the order in which their hooks run. */
export const FLOW_EVENTS = [
  "onRetry",
  "onRunning",
  "onCompletion",
  "onFailure",
  "onCancellation",
  "onCrashed",
] as const;
export const TASK_EVENTS = ["onRetry", "onRunning", "onCompletion", "onFailure"] as const;

type AnyHook = HookFn | NotifyHook;

/**
 * The hooks of one flow or task. Lists are copied on the way in, and never shared with another object.
 */
export class HookLists<E extends HookEvent> {
  readonly #events: readonly E[];
  readonly #timeoutSeconds: number | null;
  readonly #lists = new Map<HookEvent, AnyHook[]>();
  readonly #changed: () => void;

  /**
   * @param changed Called when a hook was added.
   * @throws invalid_hook when a list is not one, or holds something that is no hook
   */
  constructor(
    events: readonly E[],
    given: Partial<Record<E, unknown>>,
    timeoutSeconds: number | null,
    changed: () => void = () => undefined,
  ) {
    this.#events = events;
    this.#timeoutSeconds = timeoutSeconds;
    this.#changed = changed;
    for (const event of events) if (given[event] !== undefined) this.#lists.set(event, checkList(event, given[event]));
  }

  /** Adds a hook behind the others and gives it back, so that it can be added elsewhere too. @throws invalid_hook */
  add<H extends FlowHook | TaskHook>(event: E, hook: H): H {
    this.#lists.set(event, [...this.list(event), checkHook(event, hook)]);
    this.#changed();
    return hook;
  }

  list(event: E): readonly AnyHook[] {
    return this.#lists.get(event) ?? [];
  }

  /** The lists as options of another object. */
  asOptions(): Partial<Record<E, readonly AnyHook[]>> {
    const entries = this.#events.map((event): [E, readonly AnyHook[]] => [event, this.list(event)]);
    // fromEntries knows no key types; these are the events.
    return Object.fromEntries(entries) as Partial<Record<E, readonly AnyHook[]>>;
  }

  /** One function per event that adds a hook and returns it. */
  registrars(): Record<E, <H extends FlowHook | TaskHook>(hook: H) => H> {
    const entries = this.#events.map(
      (event) => [event, <H extends FlowHook | TaskHook>(hook: H): H => this.add(event, hook)] as const,
    );
    // As above.
    return Object.fromEntries(entries) as unknown as Record<E, <H extends FlowHook | TaskHook>(hook: H) => H>;
  }

  /** As an engine takes them. */
  get participants(): Pick<Participants, "listeners" | "declared"> {
    return { listeners: this.#listeners(), declared: this.#declared() };
  }

  #listeners(): Participants["listeners"] {
    return this.#events.flatMap((event) =>
      this.list(event)
        .filter((hook): hook is HookFn => !isNotifyHook(hook))
        .map((hook) => onEvent(event, hook, this.#timeoutSeconds)),
    );
  }

  #declared(): readonly DeclaredHook[] {
    const hooks = this.#events.flatMap((event) =>
      this.list(event)
        .filter(isNotifyHook)
        .map((hook) => ({ event, hook })),
    );
    return hooks.map(({ event, hook: { declaration } }, index) => {
      const { on, retries } = FIRES_ON[event];
      const row = { index, on, ref: declaration.ref, options: declaration.options };
      return retries ? Object.assign(row, { retries }) : row;
    });
  }
}

const example = (event: string): string => `${event}: [myHook]`;

function checkList(event: HookEvent, given: unknown): AnyHook[] {
  if (typeof given === "function") {
    throw new CodedTypeError("invalid_hook", {
      option: event,
      problem: "a list of functions is needed, and a single function was given",
      example: example(event),
    });
  }
  if (typeof given !== "object" || given === null || !(Symbol.iterator in given)) {
    throw new CodedTypeError("invalid_hook", {
      option: event,
      problem: `a list of functions is needed, got ${typeName(given)}`,
      example: example(event),
    });
  }
  // An object with an iterator is iterable as far as can be told before it is used.
  return [...(given as Iterable<unknown>)].map((hook) => checkHook(event, hook));
}

function checkHook(event: HookEvent, hook: unknown): AnyHook {
  if (isNotifyHook(hook)) return hook;
  // What a hook takes is known to the types of the flow and task that it is given to.
  if (typeof hook === "function") return hook as HookFn;
  throw new CodedTypeError("invalid_hook", {
    option: event,
    problem: `a hook is a function or notify(…), got ${typeName(hook)}`,
    example: example(event),
  });
}
