import type { Clock } from "../../base/clock.ts";
import type { Standing } from "../../delivery/outbox-store.ts";
import type { Hub } from "../../hub.ts";
import type { CommandContext } from "../command.ts";
import { startProgress } from "../progress.ts";
import { countText } from "./chosen.ts";

/** How often the progress is looked at. */
const LOOK_MS = 500;
/** Deliveries looked at in one go, so that looking never holds up sending. */
const LOOK_AT = 2_000;

/**
 * Sends what is due until each of these deliveries has ended, or none of them has for `patienceMs`.
 *
 * @returns How many have ended.
 */
export async function sendAll(
  { out, clock }: Pick<CommandContext, "out" | "clock">,
  hub: Pick<Hub, "drain" | "store">,
  ids: readonly string[],
  patienceMs: number,
): Promise<number> {
  using progress = startProgress(out, clock, `sending ${countText(ids.length)}`);
  const open = openOnes(ids, hub);
  const tell = async (): Promise<void> => {
    if (await open.look()) progress.update(`sending: ${open.ended} of ${ids.length} have ended`);
  };
  using _telling = out.watched && !out.json ? again(clock, tell) : null;
  for (;;) {
    const before = open.ended;
    await hub.drain({ deadlineMs: patienceMs });
    await open.lookAtAll();
    if (open.ended === ids.length || open.ended === before) return open.ended;
  }
}

/** Does the work again and again, with a pause before each time, until it is disposed. What it throws ends it. */
function again(clock: Clock, work: () => Promise<void>): Disposable {
  const start = (): Disposable => clock.timer(LOOK_MS, () => void turn(), { keepAlive: false });
  let isOver = false;
  const turn = async (): Promise<void> => {
    try {
      await work();
    } catch {
      // The store is busy or closing: progress is not worth an error.
      return;
    }
    if (!isOver) timer = start();
  };
  let timer = start();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      timer[Symbol.dispose]();
    },
  };
}

const isOpen = ({ status }: Standing): boolean => status === "queued" || status === "sending";

/** Those of the deliveries that have not ended, as far as was looked. */
function openOnes(ids: readonly string[], { store }: Pick<Hub, "store">) {
  let left: readonly string[] = ids;
  /** Looks at some of those that were open, in turn; false when none of them has ended. */
  const look = async (): Promise<boolean> => {
    const asked = new Set(left.slice(0, LOOK_AT));
    const standing = await store.outbox.standing([...asked]);
    const still = standing.filter(isOpen).map(({ id }) => id);
    left = [...left.filter((id) => !asked.has(id)), ...still];
    return still.length < asked.size;
  };
  return {
    get ended(): number {
      return ids.length - left.length;
    },
    look,
    /** Looks at every one that was open. */
    lookAtAll: async (): Promise<void> => {
      for (let turns = Math.ceil(left.length / LOOK_AT); turns > 0; turns -= 1) await look();
    },
  };
}
