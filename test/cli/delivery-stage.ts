import { loadConfig } from "../../src/config/load.ts";
import { type Core, openCore } from "../../src/core.ts";
import type { Attempt, Settlement } from "../../src/delivery/delivery.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { FlowRunRecord } from "../../src/runs/flow-run.ts";
import { cli, type CliOptions, type CliResult, temporaryHome } from "../support/cli.ts";
import { aChange, aFlowRun, anAttempt, aRequest, aSettlement } from "../support/store-records.ts";

const LEASE = "stage";

/** A store of its own on which nothing sends by itself, and the command line on it. */
export interface DeliveryStage extends AsyncDisposable {
  readonly core: Core;
  readonly outbox: OutboxStore;
  readonly nowMs: number;
  readonly run: FlowRunRecord;
  /** Stores deliveries about one flow run, each about a subject of its own. Returns their ids. */
  readonly enqueue: (...wanted: readonly Partial<DeliveryRequest>[]) => Promise<string[]>;
  /** Ends the next attempt of a delivery that is due. */
  readonly settle: (
    id: string,
    values: Partial<Omit<Settlement, "attempt">> & { readonly attempt?: Partial<Attempt> },
  ) => Promise<void>;
  readonly cli: (words: readonly string[], options?: CliOptions) => Promise<CliResult>;
  /** The JSON of a command that ends with exit code 0. */
  readonly json: (words: readonly string[]) => Promise<unknown>;
}

export async function openDeliveryStage(): Promise<DeliveryStage> {
  const home = await temporaryHome();
  const core = await openCore(loadConfig({ flags: { home: home.path, keychain: "off" }, env: {} }));
  const { outbox, runs } = core.store;
  const nowMs = core.clock.now();
  const run = aFlowRun({ createdMicros: nowMs * 1_000, name: "crimson-fox" });
  await runs.commit(aChange(run));
  const call: DeliveryStage["cli"] = (words, options) => cli([...words, "--home", home.path], options);
  return {
    core,
    outbox,
    nowMs,
    run,
    enqueue: async (...wanted) => {
      const requests = wanted.map((want) =>
        aRequest({ createdAtMs: nowMs, flowRunId: run.id, payload: { title: "Nightly", body: "it failed" }, ...want }),
      );
      await runs.commit(aChange(aFlowRun({ createdMicros: nowMs * 1_000 }), undefined, { requests }));
      return requests.map(({ id }) => id);
    },
    settle: async (id, values) => {
      const before = await outbox.read(id);
      if (before === null) throw new Error(`no delivery ${id}`);
      await outbox.claim({ destination: before.destination, leaseId: LEASE, nowMs: nowMs + 1, limit: 100 });
      const attempt = anAttempt(id, { number: before.attempts + 1, startedAtMs: nowMs, ...values.attempt });
      await outbox.settle([aSettlement(id, { nextAttemptAtMs: nowMs, ...values, attempt })], LEASE);
      const rest = await outbox.ids({ status: ["sending"] });
      await outbox.release(rest, before.nextAttemptAtMs, LEASE);
    },
    cli: call,
    json: async (words) => {
      const { code, stdout, stderr } = await call([...words, "--json"]);
      if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
      return JSON.parse(stdout) as unknown;
    },
    [Symbol.asyncDispose]: async () => {
      await core[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    },
  };
}
