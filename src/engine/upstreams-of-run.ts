import type { ActiveRun, Frame } from "./active-run.ts";
import type { CallOptions, Ended } from "./definition.ts";

/** Waits for what the arguments and `waitFor` name; null when the run may go on, else how it ended. */
export const awaitUpstreams = (
  _run: ActiveRun,
  _waitFor: CallOptions["waitFor"],
  _allowSkip: boolean,
): Ended | null | Promise<Ended | null> => null;

export const resolveFor = (
  call: { readonly args: readonly unknown[] },
  _caller: Frame | null,
): { readonly args: readonly unknown[] | null; readonly ended: Ended | null } => ({ args: call.args, ended: null });

export const endEarly = async (_run: ActiveRun, ended: Ended): Promise<Ended> => ended;
