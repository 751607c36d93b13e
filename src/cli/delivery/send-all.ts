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
  { out, clock }: CommandContext,
  hub: Pick<Hub, "drain" | "store">,
  ids: readonly string[],
  patienceMs: number,
): Promise<number> {
  using progress = startProgress(out, clock, `sending ${countText(ids.length)}`);
  const open = openOnes(ids, hub);
  let isDraining = true;
  const watch = async (): Promise<void> => {
    while (isDraining && out.watched) {
      await clock.sleep(LOOK_MS);
      if (isDraining && (await open.look())) progress.update(`sending: ${open.ended} of ${ids.length} have ended`);
    }
  };
  const watching = watch();
  try {
    for (;;) {
      const before = open.ended;
      await hub.drain({ deadlineMs: patienceMs });
      while (await open.look());
      if (open.ended === ids.length || open.ended === before) return open.ended;
    }
  } finally {
    isDraining = false;
    await watching;
  }
}

const isOpen = ({ status }: Standing): boolean => status === "queued" || status === "sending";

/** Those of the deliveries that have not ended, as far as was looked. */
function openOnes(ids: readonly string[], { store }: Pick<Hub, "store">) {
  let left: readonly string[] = ids;
  return {
    get ended(): number {
      return ids.length - left.length;
    },
    /** Looks at the first ones that were open; false when none of them has ended since. */
    look: async (): Promise<boolean> => {
      const asked = left.slice(0, LOOK_AT);
      const standing = await store.outbox.standing(asked);
      const still = new Set(standing.filter(isOpen).map(({ id }) => id));
      const ended = new Set(asked.filter((id) => !still.has(id)));
      left = left.filter((id) => !ended.has(id));
      return ended.size > 0;
    },
  };
}
