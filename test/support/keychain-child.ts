import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { errorCode } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { openVault } from "../../src/vault/choose.ts";

// Opens the vault of the store in the folder given as first argument, as a program does, and prints where its key is.
const [home = "", mode = "auto"] = process.argv.slice(2);
mkdirSync(home, { recursive: true });
await using store = await openSqliteStore({
  path: join(home, "bellhop.db"),
  clock: systemClock,
  random: systemRandom,
  log: silentLogger,
});
const keychain = mode === "required" ? "required" : "auto";
const vault = openVault({
  config: { home, keychain, allowInsecureKeyFile: false, ci: false },
  blocks: store.blocks,
  log: silentLogger,
});
const startedAtMs = systemClock.monotonic();
try {
  const { kid, source } = await vault.active();
  process.stdout.write(`${JSON.stringify({ kid, source })}\n`);
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ code: errorCode(error), tookMs: Math.round(systemClock.monotonic() - startedAtMs) })}\n`,
  );
}
