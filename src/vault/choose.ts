import { type Clock, systemClock } from "../base/clock.ts";
import { BellhopError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { BlockStore, KeyRow } from "../block/block-store.ts";
import { BlockKeyUnavailableError } from "../block/errors.ts";
import type { MasterKey, Vault, VaultStatus } from "../block/vault.ts";
import { type GeneratedKey, generateKey } from "./generate.ts";
import { type Keychain, systemKeychain } from "./keychain.ts";
import { type Found, type Places, type VaultConfig, keyPlaces } from "./places.ts";

type KeyStore = Pick<BlockStore, "storeId" | "readKeys" | "activateKey">;

export interface VaultOptions {
  readonly config: VaultConfig;
  readonly blocks: KeyStore;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Default: the keychain of the system. */
  readonly keychain?: Keychain;
}

/** A failed search is not repeated for this long: a list of sealed documents asks once per document. */
const FAILURE_KEPT_MS = 1_000;

interface Search {
  readonly places: Places;
  readonly blocks: KeyStore;
  /** Every key seen so far, by id. */
  readonly seen: Map<string, MasterKey>;
  /** Makes a key; null when somebody else made one meanwhile. */
  readonly generate: (keychainUsable: boolean) => Promise<GeneratedKey | null>;
}

/**
 * Opens the vault of a store. Nothing is read before a key is asked for. Keys are then looked for in the settings,
 * the keychain of the system and the key file; the keychain is left alone while another place has the key.
 */
export function openVault({
  config,
  blocks,
  log,
  clock = systemClock,
  keychain = systemKeychain(clock),
}: VaultOptions): Vault {
  const account = async (): Promise<string> => `block-store:${await blocks.storeId()}`;
  const places = keyPlaces({ config, keychain, account, log });
  const allowInsecure = config.allowInsecureKeyFile;
  const generate = (usable: boolean) => generateKey({ places, keychain, account, blocks, log, allowInsecure }, usable);
  const search: Search = { places, blocks, seen: new Map(), generate };
  const once = memo(clock);
  return {
    active: () => once("active", () => activeKey(search)),
    open: (kid) => once(`kid ${kid}`, () => keyWithId(search, kid)),
    status: () => status(search),
  };
}

/** Runs each search once at a time; keeps what was found for good and what failed for a moment. */
function memo(clock: Clock): (name: string, find: () => Promise<MasterKey>) => Promise<MasterKey> {
  const known = new Map<string, { readonly found: Promise<MasterKey>; failedAtMs?: number }>();
  return (name, find) => {
    const kept = known.get(name);
    const isFresh = kept?.failedAtMs === undefined || clock.monotonic() - kept.failedAtMs < FAILURE_KEPT_MS;
    if (kept !== undefined && isFresh) return kept.found;
    const entry: { readonly found: Promise<MasterKey>; failedAtMs?: number } = { found: find() };
    known.set(name, entry);
    entry.found.catch(() => {
      entry.failedAtMs = clock.monotonic();
    });
    return entry.found;
  };
}

function remember({ seen }: Search, { keys }: Found): void {
  for (const key of keys) if (!seen.has(key.kid)) seen.set(key.kid, key);
}

const activeRow = (rows: readonly KeyRow[]): KeyRow | undefined => rows.find(({ state }) => state === "active");

/** The key that new documents are sealed with; a store without one gets the first that is found, or a new one. */
async function activeKey(search: Search): Promise<MasterKey> {
  const active = activeRow(await search.blocks.readKeys());
  if (active !== undefined) return keyWithId(search, active.kid);
  const chain = await firstKey(search);
  if (chain.key !== undefined) return activated(search, chain.key);
  const made = await search.generate(chain.keychainUsable);
  // None was made: another process made one in the meantime.
  if (made === null) return activeKey(search);
  search.seen.set(made.key.kid, made.key);
  const key = await activated(search, made.key);
  await made.recorded();
  return key;
}

async function firstKey(search: Search): Promise<{ readonly key?: MasterKey; readonly keychainUsable: boolean }> {
  const { places } = search;
  let keychainUsable = false;
  for (const place of ["explicit", "keychain", "file"] as const) {
    const found = await places[place]();
    remember(search, found);
    if (place === "keychain") keychainUsable = found.usable;
    const [key] = found.keys;
    if (key !== undefined) return { key, keychainUsable };
  }
  return { keychainUsable };
}

/** Of two processes that start on a new store, the first to record its key wins, and the other uses that one. */
async function activated(search: Search, key: MasterKey): Promise<MasterKey> {
  const row = await search.blocks.activateKey({ kid: key.kid, state: "active", source: key.source });
  return row.kid === key.kid ? key : keyWithId(search, row.kid);
}

async function keyWithId(search: Search, kid: string): Promise<MasterKey> {
  const { places, blocks, seen } = search;
  const known = seen.get(kid);
  if (known !== undefined) return known;
  const explicit = await places.explicit();
  remember(search, explicit);
  const given = seen.get(kid);
  if (given !== undefined) return given;
  const source = (await blocks.readKeys()).find((row) => row.kid === kid)?.source;
  if (explicit.keys.length > 0) throw await contradiction(places, explicit, kid, source);

  const looks = source === "file" ? [places.file, places.keychain] : [places.keychain, places.file];
  const looked = [explicit.note];
  for (const look of looks) {
    const found = await look();
    remember(search, found);
    const key = seen.get(kid);
    if (key !== undefined) return key;
    looked.push(found.note);
  }
  throw new BlockKeyUnavailableError("encryption_key_unavailable", { kid, looked });
}

/** Keys were given and none fits: never mend that silently, also not where the right key lies in another place. */
async function contradiction(places: Places, explicit: Found, kid: string, source: string | undefined): Promise<Error> {
  const file = await places.file();
  const elsewhere = source === "keychain" || file.keys.some((key) => key.kid === kid);
  const code = elsewhere ? "encryption_key_mismatch" : "encryption_key_unavailable";
  return new BlockKeyUnavailableError(code, { kid, looked: [explicit.note, file.note] });
}

/** Where the key comes from, without making one. */
async function status({ places, blocks }: Search): Promise<VaultStatus> {
  const active = activeRow(await blocks.readKeys());
  const explicit = await looked(places.explicit, "settings");
  // A given key is used whatever else there is, so the keychain need not be asked.
  const others =
    explicit.keys.length > 0 ? [] : [await looked(places.keychain, "keychain"), await looked(places.file, "key file")];
  const all = [explicit, ...others];
  const notes = all.map(({ note }) => note);
  if (active === undefined) return { state: "empty", kid: null, source: null, notes };
  const key = all.flatMap(({ keys }) => keys).find(({ kid }) => kid === active.kid);
  return { state: key === undefined ? "locked" : "ready", kid: active.kid, source: key?.source ?? null, notes };
}

async function looked(look: () => Promise<Found>, place: string): Promise<Found> {
  try {
    return await look();
  } catch (error) {
    if (!BellhopError.is(error)) throw error;
    return { keys: [], note: `${place}: ${error.message}`, usable: false };
  }
}
