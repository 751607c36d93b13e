import { join, resolve } from "node:path";
import { type Clock, systemClock } from "./base/clock.ts";
import { killPoint } from "./base/kill-points.ts";
import type { Logger } from "./base/logger.ts";
import { type Random, systemRandom } from "./base/random.ts";
import { VERSION } from "./base/version.ts";
import type { BlockContext } from "./block/ambient.ts";
import { setBuiltinBlocks } from "./block/registry.ts";
import type { Vault } from "./block/vault.ts";
import { BUILTIN_BLOCKS } from "./builtin.gen.ts";
import { openTransport } from "./channel/open-transport.ts";
import type { Transport } from "./channel/transport.ts";
import type { Config } from "./config/config.ts";
import { environment, loadConfig } from "./config/load.ts";
import { openLogger } from "./config/log.ts";
import { directDelivery } from "./delivery/direct.ts";
import { openSqliteStore, type SqliteStore } from "./store/sqlite/open.ts";
import { openCatalog, type TemplateCatalog } from "./templating/catalog.ts";
import { openVault } from "./vault/choose.ts";

/** Store, keys, templates and the way out: all that blocks need. Opens in milliseconds and starts nothing. */
export interface Core extends AsyncDisposable {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: SqliteStore;
  readonly vault: Vault;
  readonly transport: Transport;
  readonly catalog: TemplateCatalog;
  readonly blockContext: BlockContext;
}

/** What a test may put in place of the system's. */
export interface HubPorts {
  readonly clock?: Clock;
  readonly random?: Random;
  /** Most pages of the store's file; default: as the disk allows. */
  readonly storePages?: number;
}

const databasePath = (config: Config): string => join(config.home, "bellhop.db");

/** Opens the store of this configuration. @throws config_invalid, store_corrupt, store_newer, store_unavailable */
export async function openCore(config: Config = loadConfig(), ports: HubPorts = {}): Promise<Core> {
  const clock = ports.clock ?? systemClock;
  const log = await openLogger(config.logLevel);
  await using building = new AsyncDisposableStack();
  const path = databasePath(config);
  const random = ports.random ?? systemRandom;
  const { storePages: maxPages } = ports;
  killPoint("open:before");
  const store = building.use(await openSqliteStore({ path, clock, random, log, maxPages, vault: () => vault }));
  killPoint("open:after");
  const vault: Vault = openVault({ config, blocks: store.blocks, log });
  const transport = building.use(
    openTransport({ clock, log, inbox: store.inbox, version: VERSION, env: environment() }),
  );
  const catalog = openCatalog({ templatesDir: resolve(config.templatesDir ?? "templates") });
  const blockContext: BlockContext = {
    store: store.blocks,
    vault,
    transport,
    clock,
    env: (variable) => environment()[variable],
    journal: (send) => store.outbox.journal(...directDelivery(send)),
  };
  const owned = building.move();
  return {
    config,
    clock,
    log,
    store,
    vault,
    transport,
    catalog,
    blockContext,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

setBuiltinBlocks(BUILTIN_BLOCKS);
