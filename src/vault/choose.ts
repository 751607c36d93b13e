import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { BellhopError, errorCode, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { BlockStore, KeyRow } from "../block/block-store.ts";
import { BlockKeyUnavailableError, InvalidEncryptionKeyError } from "../block/errors.ts";
import type { MasterKey, Vault, VaultStatus } from "../block/vault.ts";
import { createKeyFile, readKeyFile } from "./key-file.ts";
import { type Keychain, systemKeychain } from "./keychain.ts";
import { generateKeyText, parseKeys } from "./master-key.ts";

export interface VaultConfig {
  /** Folder of the store; a generated key file lies in it. */
  readonly home: string;
  /** One or more keys, comma separated, newest first. */
  readonly encryptionKey?: string | null;
  /** File with the same content. */
  readonly encryptionKeyFile?: string | null;
  /** Null: `auto`, or `off` under CI. */
  readonly keychain?: "auto" | "off" | "required" | null;
  readonly allowInsecureKeyFile: boolean;
  readonly ci: boolean;
}

export interface VaultOptions {
  readonly config: VaultConfig;
  readonly blocks: Pick<BlockStore, "storeId" | "readKeys" | "activateKey">;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Default: the keychain of the system. */
  readonly keychain?: Keychain;
}

/** A failed search is not repeated for this long: a list of sealed documents asks once per document. */
const FAILURE_KEPT_MS = 1_000;

/**
 * Opens the vault of a store. Nothing is read before a key is asked for; then keys are looked for in the given
 * settings, in the keychain of the system, and in the key file, in this order, and each place is asked once.
 */
export function openVault(options: VaultOptions): Vault {
  const clock = options.clock ?? systemClock;
  const search = startSearch(options, clock);
  const opening = new Map<string, Promise<MasterKey>>();

  const once = (name: string, find: () => Promise<MasterKey>): Promise<MasterKey> => {
    const known = opening.get(name);
    if (known !== undefined) return known;
    const finding = find();
    opening.set(name, finding);
    const failedAtMs = (): number => clock.monotonic();
    finding.catch(() => {
      const forgetAtMs = failedAtMs() + FAILURE_KEPT_MS;
      failures.set(name, forgetAtMs);
    });
    return finding;
  };
  const failures = new Map<string, number>();
  const forgetOldFailures = (): void => {
    for (const [name, forgetAtMs] of failures) {
      if (clock.monotonic() < forgetAtMs) continue;
      failures.delete(name);
      opening.delete(name);
      search.forget();
    }
  };

  return {
    active: () => {
      forgetOldFailures();
      return once("active", () => activeKey(options, search));
    },
    open: (kid) => {
      forgetOldFailures();
      return once(kid, () => keyWithId(options, search, kid));
    },
    status: () => statusOf(options, search),
  };
}
