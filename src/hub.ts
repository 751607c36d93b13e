import { AsyncLocalStorage } from "node:async_hooks";
import { newId } from "./base/ids.ts";
import { systemRandom } from "./base/random.ts";
import { setDefaultContext, withBlockContext } from "./block/ambient.ts";
import { vaultSealer } from "./block/sealer.ts";
import type { Config } from "./config/config.ts";
import { loadConfig } from "./config/load.ts";
import { type Core, type HubPorts, openCore } from "./core.ts";
import { openDeliver } from "./delivery/deliver.ts";
import { type Dispatcher, type DrainReport, startDispatcher } from "./delivery/dispatcher.ts";
import { startHeartbeat } from "./delivery/heartbeat.ts";
import { checkBoundary, currentFrame } from "./engine/active-run.ts";
import { openControl } from "./engine/control.ts";
import { tellSending } from "./engine/crash.ts";
import type { EngineContext } from "./engine/engine-context.ts";
import { recordsInside } from "./engine/result-plan.ts";
import { setRunSource } from "./engine/run-source.ts";
import { declaredDeliveries } from "./hooks/declared.ts";
import { holdLease } from "./hooks/lease.ts";
import { LeaseWatch } from "./hooks/lease-watch.ts";
import { runServices } from "./hooks/services.ts";
import { sweepDeadRuns, type SweepReport } from "./hooks/sweep.ts";
import { startSweeper } from "./hooks/sweeper.ts";
import { openResultServices } from "./results/open-services.ts";
import type { ResultServices } from "./results/result-services.ts";
import { withStoredResults } from "./results/stored-results.ts";
import type { RunStore } from "./runs/run-store.ts";
import { openResultFolder } from "./store/file-results/open-folder.ts";
import { setTransactionDefaults } from "./transactions/run-transaction.ts";

export { type Core, type HubPorts, openCore } from "./core.ts";

/** A running hub: runs flows, sends what is due, and finishes what dead processes left. */
export interface Hub extends Core {
  /** Where results of flows and tasks are kept. */
  readonly results: ResultServices;
  /** The store's runs, whose states can load their results. */
  readonly runs: RunStore;
  readonly engine: EngineContext;
  readonly dispatcher: Dispatcher;
  /** Sends what is due and waits for it; what is due later stays for the next process. */
  drain(options?: { readonly deadlineMs?: number }): Promise<DrainReport>;
  /**
   * Declares the runs of dead processes Crashed and queues what they were sending. Of a process on another machine, what
   * this one has seen of its heartbeats decides, else the clocks of both: it is dead after 30 s without one.
   */
  sweep(): Promise<SweepReport>;
  /** For the listener of the process's end, where nothing can wait: stores what is held back and closes. */
  closeSync(): void;
}

/**
 * How long a process that was told to stop, or that an error ends, goes on sending. Docker kills 10 seconds after it
 * asked. Source: Docker docs, `docker stop --time`.
 */
const LAST_DRAIN_MS = 5_000;

/** Puts a running hub on a core; closing the hub closes the core. */
async function startHub(core: Core, ports: HubPorts): Promise<Hub> {
  await using building = new AsyncDisposableStack();
  building.use(core);
  const { clock, log, store, config } = core;
  const sealer = vaultSealer(core.vault);
  const results = openResultServices({
    embedded: store.results,
    openFolder: (folder) => openResultFolder(folder, { clock, log }),
    sealer,
    clock,
    log,
    persistByDefault: config.persistResults,
  });
  const runs = withStoredResults(store.runs, results);
  const random = ports.random ?? systemRandom;
  const lease = building.use(await holdLease({ leases: store.leases, clock, log }));
  const deliver = openDeliver({ catalog: core.catalog, transport: core.transport, context: core.blockContext, clock });
  const onBusy = (isBusy: boolean): void => tellSending(engine, isBusy);
  const alerting = { destination: config.alertDestination, failingAfterMs: config.alertAfterMs };
  const dispatcher = building.use(
    startDispatcher({ outbox: store.outbox, deliver, clock, random, leaseId: lease.id, log, alerting, onBusy }),
  );
  const { heartbeatUrl: url, heartbeatIntervalMs: intervalMs } = config;
  if (url !== null) building.use(startHeartbeat({ url, intervalMs, transport: core.transport, clock, log }));
  const control = building.use(openControl({ runs, clock, log }));
  const declared = declaredDeliveries({ clock, newId, uiUrl: config.uiUrl, hubName: config.hubName });
  const engine: EngineContext = {
    runs,
    results,
    sealer,
    control,
    logs: store.logs,
    clock,
    random,
    log,
    leaseId: lease.id,
    listeners: [declared],
    uiUrl: config.uiUrl,
    apiUrl: null,
    finish: () => finish(),
  };
  const { leases, outbox } = store;
  const watch = new LeaseWatch(clock);
  const services = runServices({ runs, leases, leaseId: lease.id, clock, log, listeners: [declared], control, watch });
  const parts = { leases, runs, outbox, listeners: [declared], clock, leaseId: lease.id, log, watch };
  const sweep = (byClocks: boolean) => sweepDeadRuns({ ...parts, byClocks });
  const sweeper = building.use(startSweeper({ sweep, rescan: () => dispatcher.rescan(), services, clock, log }));
  const owned = building.move();
  let isDraining = false;
  const drain = async (deadlineMs: number): Promise<DrainReport> => {
    isDraining = true;
    await sweeper.settled();
    await store.runs.flush();
    return dispatcher.drain({ deadlineMs });
  };
  const finish = async (): Promise<void> => {
    // Whoever is told to stop while it drains already has waited long enough.
    if (!isDraining) await drain(Math.min(config.drainTimeoutMs, LAST_DRAIN_MS));
    await owned.disposeAsync();
  };
  return {
    ...core,
    results,
    runs,
    engine,
    dispatcher,
    sweep: () => sweeper.sweep(),
    closeSync: () => {
      lease.removeSync();
      store.closeSync();
    },
    drain: (options) => drain(options?.deadlineMs ?? config.drainTimeoutMs),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * Opens and starts a hub on the store of this configuration. Close it with `await using` or `Symbol.asyncDispose`.
 * @throws config_invalid, store_corrupt, store_newer, store_unavailable
 */
export async function openHub(config: Config = loadConfig(), ports: HubPorts = {}): Promise<Hub> {
  return startHub(await openCore(config, ports), ports);
}

const scope = new AsyncLocalStorage<Hub>();

/** Runs `fn` with this hub as the current one, for flows, tasks and blocks alike. */
export const withHub = <T>(hub: Hub, fn: () => T): T => scope.run(hub, () => withBlockContext(hub.blockContext, fn));

/** The settings in force: those of the current hub, else of the environment. */
export const settings: Readonly<Pick<Config, "home" | "hubName" | "uiUrl">> = {
  get home() {
    return currentConfig().home;
  },
  get hubName() {
    return currentConfig().hubName;
  },
  /** Base of links to runs, without a trailing slash; null when none is configured. */
  get uiUrl() {
    return currentConfig().uiUrl;
  },
};

const currentConfig = (): Config => scope.getStore()?.config ?? loadConfig();

let defaultCore: Promise<Core> | undefined;
let defaultHub: Promise<Hub> | undefined;

/** What the exit listener closes; the promises below cannot be awaited there. */
let openParts: { readonly closeSync: () => void } | undefined;

const sharedCore = (): Promise<Core> => {
  defaultCore ??= openCore().then((core) => {
    openParts = core.store;
    closeAtExit();
    return core;
  });
  return defaultCore;
};

/** The hub given by `withHub`, else the one of this process, opened and started on first use. */
export function currentHub(): Promise<Hub> {
  const current = scope.getStore();
  if (current !== undefined) return Promise.resolve(current);
  defaultHub ??= sharedCore()
    .then((core) => startHub(core, {}))
    .then((hub) => {
      openParts = hub;
      return hub;
    });
  return defaultHub;
}

/** Sends what is due, then closes what this process opened by itself. Does nothing when nothing is open. */
export async function closeDefaultHub(): Promise<void> {
  const [core, hub] = [defaultCore, defaultHub];
  defaultCore = undefined;
  defaultHub = undefined;
  openParts = undefined;
  if (hub !== undefined) {
    await using running = await hub;
    await running.drain();
  } else if (core !== undefined) await (await core)[Symbol.asyncDispose]();
}

let isListening = false;

/** `beforeExit` may still wait; a process that exits at once leaves its deliveries to the next one. */
function closeAtExit(): void {
  if (isListening) return;
  isListening = true;
  process.on("exit", () => openParts?.closeSync());
  process.on("beforeExit", () => {
    void closeDefaultHub().catch((error: unknown) => {
      process.exitCode ||= 1;
      process.emitWarning(error instanceof Error ? error.message : String(error), {
        type: "BellhopWarning",
        code: "BELLHOP_CLOSE_FAILED",
      });
    });
  });
}

setTransactionDefaults(async () => {
  const frame = currentFrame();
  if (frame === undefined) {
    const { log, results } = await currentHub();
    return { log, records: results.open(null, null).store };
  }
  const { run, isHook } = frame;
  const inside = { log: run.engine.log, records: recordsInside(run) };
  if (isHook) return inside;
  const onOpened = (txn: Parameters<typeof frame.opened>[0]): Disposable => frame.opened(txn);
  return { ...inside, checkBoundary: () => checkBoundary(frame), signal: run.signal, onOpened };
});
setDefaultContext(async () => (await sharedCore()).blockContext);
setRunSource(async () => {
  const { store, clock, log, config } = scope.getStore() ?? (await sharedCore());
  return { runs: store.runs, logs: store.logs, clock, log, uiUrl: config.uiUrl, apiUrl: null };
});
