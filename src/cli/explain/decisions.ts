import { parseMicros } from "../../base/instant.ts";
import { FIRES_ON } from "../../hooks/on-state.ts";
import { isRetryDecision } from "../../orchestration/retry.ts";
import type { DeclaredHook } from "../../runs/declared-hook.ts";
import type { HookOutcome, StoredState } from "../../runs/run-store.ts";
import { State } from "../../states/state.ts";
import type { Facts, Life, Told } from "./facts.ts";

/** What one hook made of one state. */
export type Decision =
  /** `notify(…)` waits for it. `told` is null when no delivery of it is stored. */
  | { readonly kind: "matched"; readonly hook: DeclaredHook; readonly why: string; readonly told: Told | null }
  | { readonly kind: "not-matched"; readonly hook: DeclaredHook; readonly why: string }
  /** A hook function was called. */
  | { readonly kind: "called"; readonly outcome: HookOutcome };

/** One state of a run, and every hook that looked at it. */
export interface Step {
  readonly life: Life;
  readonly stored: StoredState;
  readonly atMs: number;
  readonly decisions: readonly Decision[];
}

/** The lists that a declared hook stands in: `onFailure`. */
export function eventsOf(hook: DeclaredHook): string {
  const names = Object.entries(FIRES_ON)
    .filter(([, { on, retries }]) => on.some((type) => hook.on.includes(type)) || (retries && hook.retries === true))
    .map(([name]) => name);
  return names.join(", ");
}

/** What a declared hook waits for, in words. */
export const awaitedBy = (hook: DeclaredHook): string =>
  [...hook.on, ...(hook.retries === true ? ["a retry"] : [])].join(" or ");

/** Every state of every run in order of time, with what each hook decided. */
export function stepsOf({ lives, told }: Pick<Facts, "lives" | "told">): Step[] {
  const byKey = new Map(told.map((one) => [one.delivery.dedupKey, one]));
  return lives
    .flatMap((life) => stepsOfLife(life, byKey))
    .toSorted((a, b) => a.atMs - b.atMs || a.stored.seq - b.stored.seq);
}

function stepsOfLife(life: Life, byKey: ReadonlyMap<string, Told>): Step[] {
  const { states, declared, outcomes } = life;
  let before: State | null = null;
  return states.map((stored) => {
    const to = State.fromWire(stored.state);
    const from = before;
    before = to;
    return {
      life,
      stored,
      atMs: (parseMicros(stored.state.timestamp) ?? 0) / 1_000,
      decisions: [
        ...declared.map((hook) => decisionOf(hook, { from, to }, byKey)),
        ...outcomes
          .filter(({ stateId }) => stateId === to.id)
          .map((outcome): Decision => ({ kind: "called", outcome })),
      ],
    };
  });
}

/** As the engine decided it when the state was stored. */
function decisionOf(
  hook: DeclaredHook,
  { from, to }: { readonly from: State | null; readonly to: State },
  byKey: ReadonlyMap<string, Told>,
): Decision {
  const isOfType = hook.on.includes(to.type);
  const isRetry = hook.retries === true && isRetryDecision(from, to);
  if (!isOfType && !isRetry)
    return { kind: "not-matched", hook, why: `it waits for ${awaitedBy(hook)}, and this is ${to.type}` };
  const why = isOfType ? `it waits for ${to.type}` : "a retry was decided";
  return { kind: "matched", hook, why, told: byKey.get(`${to.id}/${hook.index}/${hook.ref}`) ?? null };
}
