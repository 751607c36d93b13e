import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CustomWebhook } from "../../blocks/custom-webhook.ts";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { registerSecret } from "../../src/base/redactor.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { type BlockContext, withBlockContext } from "../../src/block/ambient.ts";
import { Block } from "../../src/block/block.ts";
import type { BlockDocumentRow } from "../../src/block/block-store.ts";
import { BlockKeyUnavailableError } from "../../src/block/errors.ts";
import type { Vault } from "../../src/block/vault.ts";
import "../../src/core.ts";
import { plainContext } from "../../src/delivery/message-context.ts";
import { renderMessage } from "../../src/templating/render.ts";
import { flowRun } from "../delivery/rig.ts";

import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/open.ts";
import { openCatalog, type TemplateCatalog } from "../../src/templating/catalog.ts";
import { toMasterKey } from "../../src/vault/master-key.ts";
import type { Booted, Ground, Sabotage } from "./boot.ts";
import { History } from "./history.ts";
import { Network } from "./network.ts";
import { FIRST, type Plan } from "./plan.ts";
import { hash32 } from "./seeded.ts";
import { SimClock, type World, World as SimWorld } from "./world.ts";
import type { Asked } from "./workload.ts";

/** The stage of one simulation: a store of its own, destinations that are saved blocks, and what looks at it all. */
export interface Scene extends AsyncDisposable {
  readonly plan: Plan;
  readonly world: World;
  readonly history: History;
  readonly ground: Ground;
  /** Looks at the store, and does what people do to it. Nothing goes wrong here. */
  readonly inspector: SqliteStore;
  readonly secret: string;
  readonly asked: Asked;
  readonly booted: Booted[];
  /** Saved destinations, by reference; those that are deleted can be put back. */
  readonly documents: ReadonlyMap<string, BlockDocumentRow>;
  /** Until when the keys cannot be reached. */
  readonly keys: { lostUntilMs: number };
}

let catalog: TemplateCatalog | undefined;

/** One for all simulations, so that templates are read and compiled once. */
const sharedCatalog = (): TemplateCatalog => (catalog ??= openCatalog({ templatesDir: null }));

/** Tables live in memory where the machine has a place for that: the disk has no part in this. */
const FOLDER = process.platform === "linux" ? "/dev/shm" : tmpdir();

export async function openScene(plan: Plan, sabotage: Sabotage): Promise<Scene> {
  const folder = mkdtempSync(join(FOLDER, "bellhop-sim-"));
  const path = join(folder, "bellhop.db");
  const world = new SimWorld(plan.seed);
  const history = new History(() => world.nowMs);
  const secret = `hunter2-${hash32(plan.seed).toString(36)}-${plan.random.fork("secret").int(1e8, 1e9)}`;
  registerSecret(secret);
  const keys = { lostUntilMs: 0 };
  const { random, destinations } = plan;
  const inspector = await openSqliteStore({
    path,
    clock: new SimClock(world, null),
    random: random.fork("inspector").next,
    log: silentLogger,
    durability: "normal",
    ...(plan.isSealed ? { vault: () => steadyVault } : {}),
  });
  const ground: Ground = {
    world,
    history,
    network: new Network({ world, random: random.fork("network"), secret, destinations }),
    destinations,
    path,
    secret,
    catalog: sharedCatalog(),
    vault: flakyVault(world, keys),
    isSealed: plan.isSealed,
    concurrency: plan.concurrency,
    alertTo: plan.alertTo,
    sabotage,
    processes: [],
    stores: [inspector],
  };
  await warmUp();
  const documents = await saveBlocks(plan, inspector, world, secret);
  return {
    plan,
    world,
    history,
    ground,
    inspector,
    secret,
    asked: { bursts: new Map(), hooks: new Map() },
    booted: [],
    documents,
    keys,
    [Symbol.asyncDispose]: () => {
      // What dead processes had queued is written now at the latest; nobody looks any more.
      for (const store of ground.stores) {
        try {
          store.closeSync();
        } catch {
          // Another program still holds the store, because the simulation was broken off.
        }
      }
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

const KEY = toMasterKey(Buffer.from(Array.from({ length: 32 }, (_, index) => index)), "env");

const steadyVault: Vault = {
  active: () => Promise.resolve(KEY),
  open: () => Promise.resolve(KEY),
  status: () => Promise.resolve({ state: "ready", kid: KEY.kid, source: "env", notes: [] }),
};

function flakyVault(world: World, keys: { readonly lostUntilMs: number }): Vault {
  const key = (): ReturnType<Vault["active"]> =>
    world.nowMs < keys.lostUntilMs
      ? Promise.reject(
          new BlockKeyUnavailableError("encryption_key_unavailable", { kid: KEY.kid, looked: ["simulated"] }),
        )
      : Promise.resolve(KEY);
  return { ...steadyVault, active: key, open: key };
}

/** Saves each destination as a block, and loads it once, so that everything that is loaded once is. */
async function saveBlocks(
  { destinations }: Plan,
  store: SqliteStore,
  world: World,
  secret: string,
): Promise<ReadonlyMap<string, BlockDocumentRow>> {
  const context: BlockContext = {
    store: store.blocks,
    vault: steadyVault,
    // Nothing is sent here.
    transport: { send: unused, plan: unused, [Symbol.asyncDispose]: () => Promise.resolve() },
    clock: new SimClock(world, null),
    journal: () => undefined,
  };
  const saved = new Map<string, BlockDocumentRow>();
  for (const { ref } of destinations) {
    const [slug = "", name = ""] = ref.split("/");
    const url = `https://${name}.example.test/services/${secret}`;
    await withBlockContext(context, async () => {
      const block =
        slug === "slack-webhook"
          ? new SlackWebhook({ url })
          : new CustomWebhook({ name, url: "https://{{token}}.example.test/", secrets: { token: secret } });
      await block.save(name);
      await Block.load(ref);
    });
    const row = await store.blocks.readDocument(slug, name);
    if (row !== null) saved.set(ref, row);
  }
  return saved;
}

let warm: Promise<unknown> | undefined;

/** Loads what the first message of a process loads: modules are read from the disk, which takes real time. */
function warmUp(): Promise<unknown> {
  const run = flowRun();
  const change = { run, from: null, to: run.state, error: undefined };
  const context = plainContext(change, { vars: {}, destination: FIRST, uiUrl: null, hubName: "", nowMicros: 0 });
  const limits = { body: { max: 1_000, unit: "utf16" } } as const;
  warm ??= renderMessage({ catalog: sharedCatalog(), dialect: "text", limits, context });
  return warm;
}

const unused = () => {
  throw new Error("nothing is sent while a scene is set");
};
