import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorCode, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { SecretValue } from "../base/secret.ts";
import { InvalidEncryptionKeyError } from "../block/errors.ts";
import type { MasterKey } from "../block/vault.ts";
import { readKeyFile } from "./key-file.ts";
import type { Keychain } from "./keychain.ts";
import { parseKeys } from "./master-key.ts";

export interface VaultConfig {
  /** Folder of the store; a generated key file lies in it. */
  readonly home: string;
  /** One or more keys, comma separated, newest first. */
  readonly encryptionKey?: SecretValue | string | null;
  /** File with the same content. */
  readonly encryptionKeyFile?: string | null;
  /** Null: `auto`, or `off` under CI. */
  readonly keychain?: "auto" | "off" | "required" | null;
  readonly allowInsecureKeyFile: boolean;
  readonly ci: boolean;
}

/** What one place holds. */
export interface Found {
  readonly keys: readonly MasterKey[];
  /** One line for people; names key ids, never keys. */
  readonly note: string;
  /** False for a keychain that is off or does not answer. That is not the same as "holds nothing". */
  readonly usable: boolean;
}

/** Where keys are looked for. Nothing is read before it is called. */
export interface Places {
  /** The keys that settings give, in order. @throws encryption_key_invalid */
  readonly explicit: () => Promise<Found>;
  /** @throws keychain_unavailable where a keychain is required */
  readonly keychain: () => Promise<Found>;
  /** @throws encryption_key_invalid */
  readonly file: () => Promise<Found>;
  readonly keychainMode: "auto" | "off" | "required";
  readonly filePath: string;
}

export interface PlacesOptions {
  readonly config: VaultConfig;
  readonly keychain: Keychain;
  readonly account: () => Promise<string>;
  readonly log: Logger;
}

const ids = (keys: readonly MasterKey[]): string => keys.map(({ kid }) => kid).join(", ");

export function keyPlaces({ config, keychain, account, log }: PlacesOptions): Places {
  const mode = config.keychain ?? (config.ci ? "off" : "auto");
  const filePath = join(config.home, "encryption.key");
  const options = { allowInsecure: config.allowInsecureKeyFile, log };
  return {
    keychainMode: mode,
    filePath,
    explicit: () => explicitKeys(config),
    keychain: async () => {
      if (mode === "off") return { keys: [], note: "keychain: off", usable: false };
      return keychainKeys(keychain, await account(), mode === "required");
    },
    file: async () => {
      const text = await readKeyFile(filePath, options);
      if (text === null) return { keys: [], note: `key file ${filePath}: missing`, usable: true };
      const keys = parseKeys(text, "file", filePath);
      return { keys, note: `key file ${filePath}: ${ids(keys)}`, usable: true };
    },
  };
}

async function explicitKeys({ encryptionKey, encryptionKeyFile }: VaultConfig): Promise<Found> {
  const given = SecretValue.is(encryptionKey) ? encryptionKey.reveal() : (encryptionKey ?? null);
  const path = encryptionKeyFile ?? null;
  const fromEnv = given === null ? [] : parseKeys(given, "env", "BELLHOP_ENCRYPTION_KEY");
  const fromFile = path === null ? [] : parseKeys(namedFile(path), "env_file", path);
  const notes = [
    `BELLHOP_ENCRYPTION_KEY: ${given === null ? "not set" : ids(fromEnv)}`,
    `BELLHOP_ENCRYPTION_KEY_FILE: ${path === null ? "not set" : ids(fromFile)}`,
  ];
  return { keys: [...fromEnv, ...fromFile], note: notes.join("; "), usable: true };
}

/** A file that a setting names must be there: silently going on would seal with another key. */
function namedFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const problem =
      error instanceof Error && "code" in error ? `it cannot be read (${String(error.code)})` : "it cannot be read";
    throw new InvalidEncryptionKeyError({ source: path, problem });
  }
}

async function keychainKeys(keychain: Keychain, account: string, required: boolean): Promise<Found> {
  try {
    const text = await keychain.get(account);
    if (text === null) return { keys: [], note: "keychain: no entry for this store", usable: true };
    const keys = parseKeys(text, "keychain", "the keychain");
    return { keys, note: `keychain: ${ids(keys)}`, usable: true };
  } catch (error) {
    if (required || errorCode(error) === "encryption_key_invalid") throw error;
    return { keys: [], note: `keychain: ${messageOf(error)}`, usable: false };
  }
}
