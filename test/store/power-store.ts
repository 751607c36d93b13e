import { dirname } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import type { Vault } from "../../src/block/vault.ts";
import type { Durability } from "../../src/store/sqlite/connect.ts";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/open.ts";
import { openVault } from "../../src/vault/choose.ts";

/** A store that seals its messages with a key which is in a file beside it, as on a machine without a keychain. */
export async function openSealedStore(path: string, durability: Durability): Promise<SqliteStore> {
  const store = await openSqliteStore({
    path,
    durability,
    // So that a short test has some.
    checkpointPages: 1_000,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    vault: () => vault,
  });
  const config = { home: dirname(path), keychain: "off", allowInsecureKeyFile: false, ci: true } as const;
  const vault: Vault = openVault({ config, blocks: store.blocks, log: silentLogger });
  return store;
}
