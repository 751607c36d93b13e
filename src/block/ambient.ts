import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../base/clock.ts";
import type { Transport } from "../channel/transport.ts";
import type { Outcome } from "../channel/outcome.ts";
import type { BlockStore } from "./block-store.ts";
import type { Vault } from "./vault.ts";

/** A direct send, for the record. */
export interface DirectSend {
  readonly deliveryId: string;
  /** Block reference, or `<slug>/(unsaved)`. */
  readonly destination: string;
  readonly title: string;
  readonly body: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly outcome: Outcome;
  readonly status: number | null;
}

/** What blocks need from the hub they run on. */
export interface BlockContext {
  readonly store: BlockStore;
  readonly vault: Vault;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Writes the record of a direct send, behind the caller. */
  readonly journal: (send: DirectSend) => void;
  /** Reads the environment of the process, for secrets given there; a function, so that no print shows it. Default none. */
  readonly env?: (variable: string) => string | undefined;
}

type Opener = () => Promise<BlockContext>;

const scope = new AsyncLocalStorage<BlockContext>();
let opener: Opener | undefined;

/** Set once by the composition root: how to open the hub of a process that has not opened one itself. */
export const setDefaultContext = (open: Opener): void => {
  opener = open;
};

/** Runs `fn` with this context as the current one. */
export const withBlockContext = <T>(context: BlockContext, fn: () => T): T => scope.run(context, fn);

/** The innermost context, else the process's default one, opened on first use. */
export async function currentBlockContext(): Promise<BlockContext> {
  const current = scope.getStore();
  if (current !== undefined) return current;
  if (opener === undefined) throw new Error("no hub: import from the package entry, which sets one up");
  return opener();
}
