import { currentFrame } from "./active-run.ts";
import type { EngineContext } from "./engine-context.ts";

/** What code outside of any run needs to read about runs and to write into their logs. */
export type RunSource = Pick<EngineContext, "runs" | "logs" | "clock" | "log" | "uiUrl" | "apiUrl">;

let opener: (() => Promise<RunSource>) | undefined;

/** Set once by the composition root: how to reach the store where no run is around. */
export const setRunSource = (open: () => Promise<RunSource>): void => {
  opener = open;
};

/** That of the run around, without waiting; null outside of one. */
export const runSourceAround = (): RunSource | null => currentFrame()?.run.engine ?? null;

/** That of the run around, else of the current hub, whose store is opened on first use. @throws the store's codes */
export async function currentRunSource(): Promise<RunSource> {
  const around = runSourceAround();
  if (around !== null) return around;
  if (opener === undefined) throw new Error("no hub: import from the package entry, which sets one up");
  return opener();
}
