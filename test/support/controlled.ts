import { newId } from "../../src/base/ids.ts";
import type { Mover } from "../../src/engine/move-flow-run.ts";
import { declaredDeliveries } from "../../src/hooks/declared.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import type { FlowRunRecord } from "../../src/runs/flow-run.ts";
import type { SqliteStore } from "../../src/store/sqlite/open.ts";
import { flowRun, memoryLog } from "../delivery/rig.ts";
import { sqliteFixture, type StoreFixture } from "./store-fixture.ts";

/** A store that two processes have open: the one that executes a run, and another one. */
export interface Controlled extends StoreFixture {
  readonly log: ReturnType<typeof memoryLog>;
  /** Of the process that executes the runs. */
  readonly mover: Mover;
  /** Of another process. */
  readonly other: Mover;
}

export async function openControlled(values: Partial<Mover> = {}): Promise<Controlled> {
  const fixture = await sqliteFixture();
  const log = memoryLog();
  const { clock } = fixture;
  const listeners = [declaredDeliveries({ clock, newId, uiUrl: null, hubName: "bellhop" })];
  const moverOf = (store: SqliteStore): Mover => ({ runs: store.runs, clock, log, listeners, ...values });
  const other = moverOf(await fixture.beside());
  const { store } = fixture;
  return {
    ...fixture,
    store,
    clock,
    log,
    mover: moverOf(store),
    other,
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
}

/** A stored flow run, Running unless told otherwise; the record is the live one. */
export async function startRun(
  rig: Pick<Controlled, "store" | "clock">,
  fields: Partial<FlowRunRecord> = {},
  hooks: readonly DeclaredHook[] = [],
): Promise<FlowRunRecord> {
  const run = flowRun({ createdMicros: rig.clock.nowMicros(), leaseId: newId(), ...fields });
  await rig.store.runs.commit({ run, state: run.state, follows: null, requests: [], hooks });
  return run;
}
