import { errorCode } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { BlockStore } from "../block/block-store.ts";
import type { MasterKey } from "../block/vault.ts";
import { createKeyFile, readKeyFile, removeKeyFile } from "./key-file.ts";
import type { Keychain } from "./keychain.ts";
import { generateKeyText, parseKeys } from "./master-key.ts";
import type { Places } from "./places.ts";

export interface GenerateOptions {
  readonly places: Places;
  readonly keychain: Keychain;
  readonly account: () => Promise<string>;
  readonly blocks: Pick<BlockStore, "readKeys">;
  readonly log: Logger;
  readonly allowInsecure: boolean;
}

/** A new key that is kept in its place, but not recorded in the store yet. */
export interface GeneratedKey {
  readonly key: MasterKey;
  /** To be called once the store has recorded it. */
  readonly recorded: () => Promise<void>;
}

/**
 * Makes the first key of a store and puts it into the keychain, or into a file where there is none.
 * Null when another process has made one meanwhile.
 *
 * Two processes that start at once on a new store must not each write their own key into the keychain: the later write
 * would destroy the key that the first has sealed with. So the key is first claimed as a file; whoever finds the claim
 * goes on with that key, also after a crash in between.
 */
export async function generateKey(options: GenerateOptions, keychainUsable: boolean): Promise<GeneratedKey | null> {
  const { places, log } = options;
  if (keychainUsable) return viaKeychain(options);
  const made = await viaFile(options, generateKeyText());
  const line = "the encryption key is kept in a file beside the store";
  if (places.keychainMode === "auto") log.warn(`no usable keychain; ${line}`, { path: places.filePath });
  else log.info(line, { path: places.filePath });
  return made;
}

async function viaKeychain(options: GenerateOptions): Promise<GeneratedKey | null> {
  const { places, blocks, log, allowInsecure } = options;
  const claim = `${places.filePath}.new`;
  const isMine = await createKeyFile(claim, generateKeyText());
  const text = await readKeyFile(claim, { allowInsecure, log });
  // The claim is removed only after its key was recorded, so a missing one and a recorded key both mean: look again.
  if (text === null) return null;
  if ((await blocks.readKeys()).some(({ state }) => state === "active")) {
    if (isMine) await removeKeyFile(claim);
    return null;
  }
  const kept = await keep(options, text.trim());
  return kept === null ? null : { ...kept, recorded: () => removeKeyFile(claim) };
}

async function keep(options: GenerateOptions, text: string): Promise<GeneratedKey | null> {
  const { places, keychain, account } = options;
  try {
    await keychain.set(await account(), text);
  } catch (error) {
    if (places.keychainMode === "required" || errorCode(error) !== "keychain_unavailable") throw error;
    options.log.warn("the keychain did not keep the encryption key; it is kept in a file beside the store", {
      path: places.filePath,
    });
    return viaFile(options, text);
  }
  const [key] = parseKeys(text, "keychain", "the keychain");
  return key === undefined ? null : { key, recorded: () => Promise.resolve() };
}

/** Writes the key file, or reads the one that somebody else has written meanwhile. */
async function viaFile({ places, log, allowInsecure }: GenerateOptions, text: string): Promise<GeneratedKey | null> {
  await createKeyFile(places.filePath, text);
  const kept = await readKeyFile(places.filePath, { allowInsecure, log });
  const [key] = kept === null ? [] : parseKeys(kept, "file", places.filePath);
  return key === undefined ? null : { key, recorded: () => Promise.resolve() };
}
