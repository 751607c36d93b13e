import { AsyncLocalStorage } from "node:async_hooks";
import { newId } from "../../src/base/ids.ts";
import type { BlockContext } from "../../src/block/ambient.ts";
import type { Vault } from "../../src/block/vault.ts";
import type { SendResult, Transport } from "../../src/channel/transport.ts";
import type { Deliver, OpenDestination } from "../../src/delivery/attempt.ts";
import { openDeliver } from "../../src/delivery/deliver.ts";
import type { Delivery } from "../../src/delivery/delivery.ts";
import { type Dispatcher, startDispatcher } from "../../src/delivery/dispatcher.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import type { TransitionListener } from "../../src/engine/transition.ts";
import { declaredDeliveries } from "../../src/hooks/declared.ts";
import { holdLease } from "../../src/hooks/lease.ts";
import { LeaseWatch } from "../../src/hooks/lease-watch.ts";
import { sweepDeadRuns } from "../../src/hooks/sweep.ts";
import { type Sweeper, startSweeper } from "../../src/hooks/sweeper.ts";
import type { Lease } from "../../src/runs/lease-store.ts";
import type { RunStore } from "../../src/runs/run-store.ts";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/open.ts";
import type { TemplateCatalog } from "../../src/templating/catalog.ts";
import type { History } from "./history.ts";
import type { Network, SimDestination } from "./network.ts";
import type { SimProcess } from "./sim-process.ts";
import type { World } from "./world.ts";

/** What all processes of a simulation share. */
export interface Ground {
  readonly world: World;
  readonly history: History;
  readonly network: Network;
  readonly destinations: readonly SimDestination[];
  readonly path: string;
  /** Planted; must never be seen outside of a request. */
  readonly secret: string;
  readonly catalog: TemplateCatalog;
  readonly vault: Vault;
  /** Whether messages are sealed in the store. */
  readonly isSealed: boolean;
  /** Destinations that one process works on at the same time. */
  readonly concurrency: number;
  readonly alertTo: string | null;
  readonly sabotage: Sabotage;
  /** Every process there ever was. */
  readonly processes: SimProcess[];
  /** What was opened, to be closed when all is over. */
  readonly stores: SqliteStore[];
}

/** Bugs planted between the product and its ports, to see that they are found. */
export interface Sabotage {
  outbox?(real: OutboxStore, ground: Ground, process: SimProcess): OutboxStore;
  runs?(real: RunStore): RunStore;
  transport?(real: Transport): Transport;
  listener?(real: TransitionListener): TransitionListener;
  started?(process: SimProcess, secret: string): void;
}

/** A process that runs: what a hub is made of, on simulated ports. */
export interface Booted {
  readonly process: SimProcess;
  readonly runs: RunStore;
  readonly outbox: OutboxStore;
  readonly dispatcher: Dispatcher;
  readonly sweeper: Sweeper;
  readonly listeners: readonly TransitionListener[];
  /** Ends as a process does that was asked to: what is out ends, the rest is given back. */
  close(): Promise<void>;
}

interface Going {
  readonly number: number;
}

/** The attempt that a send belongs to. */
const going = new AsyncLocalStorage<Going>();

/** Starts a process on the store. Never resolves when it dies meanwhile; rejects when its store cannot be used. */
export async function boot(process: SimProcess, ground: Ground): Promise<Booted> {
  const { world, history, path, sabotage } = ground;
  const { clock, log, random } = process;
  const store = await openSqliteStore({
    path,
    clock,
    random: random.fork("queue").next,
    log,
    durability: "normal",
    ...(ground.isSealed ? { vault: () => ground.vault } : {}),
  });
  ground.stores.push(store);
  const runs = process.port("runs", sabotage.runs?.(store.runs) ?? store.runs);
  const outbox = process.port("outbox", sabotage.outbox?.(store.outbox, ground, process) ?? store.outbox);
  const leases = process.port("leases", store.leases);
  process.lease = await holdLease({ leases, clock, log });
  history.add(process.name, { kind: "started", lease: process.leaseId });
  const leaseId = process.leaseId;
  const own = declaredDeliveries({ clock, newId, uiUrl: null, hubName: process.name });
  const listeners = [sabotage.listener?.(own) ?? own];
  const dispatcher = startDispatcher({
    outbox,
    deliver: openSimDeliver(process, ground, process.port("blocks", store.blocks)),
    clock,
    random: random.fork("dispatcher").next,
    leaseId,
    log,
    concurrency: ground.concurrency,
    alerting: { destination: ground.alertTo },
  });
  const isAlive = (lease: Lease) => aliveAsSeenFrom(process, ground, lease);
  const watch = new LeaseWatch(clock);
  const sweep = () => sweepDeadRuns({ leases, runs, outbox, listeners, clock, leaseId, log, isAlive, watch });
  const sweeper = startSweeper({ sweep, rescan: () => dispatcher.rescan(), clock, log });
  return {
    process,
    runs,
    outbox,
    dispatcher,
    sweeper,
    listeners,
    close: async () => {
      process.isLeaving = true;
      await sweeper[Symbol.asyncDispose]();
      await dispatcher[Symbol.asyncDispose]();
      await process.lease?.[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      history.add(process.name, { kind: "closed", lease: leaseId });
      process.isDead = true;
      world.touch();
    },
  };
}

/** What a process can know of another one: the truth on its own machine, nothing on another. */
function aliveAsSeenFrom(process: SimProcess, { processes }: Ground, { id }: Lease): boolean | undefined {
  const other = processes.find(({ leaseId }) => leaseId === id);
  return other !== undefined && other.host === process.host ? !other.isDead : undefined;
}

/** Loads real blocks, renders real templates; what is sent goes to the simulated network. */
function openSimDeliver(process: SimProcess, ground: Ground, blocks: BlockContext["store"]): Deliver {
  const { history, destinations, catalog, vault, sabotage } = ground;
  const transport = simTransport(process, ground);
  const context: BlockContext = {
    store: blocks,
    vault,
    transport: sabotage.transport?.(transport) ?? transport,
    clock: process.clock,
    journal: () => undefined,
  };
  const real = openDeliver({ catalog, transport: context.transport, context, clock: process.clock });
  const byRef = new Map(destinations.map((destination) => [destination.ref, destination]));
  const watched = async (opened: OpenDestination, delivery: Delivery, signal: AbortSignal): Promise<SendResult> => {
    const { id, seq, destination, subject } = delivery;
    const number = history.nextAttempt();
    const start = { attempt: number, lease: process.leaseId, delivery: id, seq, destination, subject };
    history.add(process.name, { kind: "attempt", ...start });
    const result = await going.run({ number }, () => opened.attempt(delivery, signal));
    if (!process.isDead) {
      const { outcome } = result;
      const told = outcome.kind === "delivered" ? "delivered" : `${outcome.kind} ${outcome.reason}`;
      history.add(process.name, { kind: "answered", attempt: number, outcome: told });
    }
    return result;
  };
  return {
    open: async (destination) => {
      const opened = await real.open(destination);
      const { profile = opened.profile, fallback = null } = byRef.get(destination) ?? {};
      const attempt: OpenDestination["attempt"] = (delivery, signal) => watched(opened, delivery, signal);
      return { ...opened, profile, rate: null, attempt, ...(fallback === null ? {} : { fallback }) };
    },
  };
}

/** The way out of a process that exists in name only. */
function simTransport(process: SimProcess, { history, network, world }: Ground): Transport {
  const { clock } = process;
  const sender = {
    get isDead() {
      return process.isDead;
    },
    receive: (fn: () => void) => {
      world.touch();
      if (!process.reaches("send-answered")) process.receive(fn);
    },
    timer: (ms: number, fn: () => void) => clock.timer(ms, fn),
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
  };
  return {
    send: (request) => {
      world.touch();
      const number = going.getStore()?.number ?? 0;
      if (process.reaches("send-before")) return new Promise(() => undefined);
      return network.send(request, sender, (key) => {
        history.add(process.name, { kind: "accepted", attempt: number, key });
        process.reaches("send-accepted");
      });
    },
    plan: ({ channel, config, message }) => channel.build({ config, message }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
