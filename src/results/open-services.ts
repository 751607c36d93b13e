import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Clock } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import type { Logger } from "../base/logger.ts";
import type { Sealer } from "../block/sealer.ts";
import { isPlain } from "../runs/stored-parameters.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";
import type { ResultStorage, Serializer, SerializerLike } from "./options.ts";
import type { RecordPlace } from "./record-rows.ts";
import type { RecordStore } from "./record-store.ts";
import type { OpenedResults, ResultServices } from "./result-services.ts";
import { openSealedRecords } from "./sealed-records.ts";
import { builtInSerializer, serializerOf } from "./serializers.ts";

/** Between two tries to load a result that is not there yet. Source: Prefect 3, `get_state_result`. */
const RETRY_LOAD_MS = 250;

export interface ResultServicesOptions {
  /** Storage `"store"`. */
  readonly embedded: RecordPlace;
  /** Opens a folder, given by its absolute path. */
  readonly openFolder: (path: string) => RecordPlace;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default false. */
  readonly persistByDefault?: boolean;
}

const EMBEDDED = "store";

/** `"store"`, or the folder as a file URL. @throws invalid_definition */
export function storageName(storage: ResultStorage | null): string {
  const refuse = (problem: string): never => {
    throw new CodedTypeError("invalid_definition", { option: "resultStorage", problem });
  };
  if (storage === null || storage === EMBEDDED) return EMBEDDED;
  if (typeof storage !== "string" && !(storage instanceof URL))
    return refuse(`it must be "store", a folder or a file URL, not ${typeName(storage)}`);
  const text = String(storage);
  if (text.trim() === "") return refuse('it must be "store", a folder or a file URL, and it is empty');
  if (isAbsolute(text) || !/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
    if (!text.startsWith("file:")) return pathToFileURL(resolve(text)).href;
  }
  try {
    return pathToFileURL(fileURLToPath(text)).href;
  } catch {
    // Node's errors for another protocol, a host, or an escaped slash.
    return refuse(`only file URLs of this machine are supported, not ${text.split(":")[0]}:`);
  }
}

/** Opens what the engine needs to keep and to find results. Nothing is read or made before the first result. */
export function openResultServices(options: ResultServicesOptions): ResultServices {
  const { embedded, openFolder, sealer, clock, log, persistByDefault = false } = options;
  const places = new Map<string, RecordPlace>([[EMBEDDED, embedded]]);
  /** By serializer, then by storage. */
  const opened = new Map<Serializer, Map<string, OpenedResults>>();
  /** By the path or URL as given: resolving it takes longer than all the rest. */
  const names = new Map<string, string>();

  const nameOf = (storage: ResultStorage | null): string => {
    if (storage === null) return EMBEDDED;
    const text = typeof storage === "string" ? storage : "";
    if (text === "") return storageName(storage);
    const name = names.get(text) ?? storageName(storage);
    names.set(text, name);
    return name;
  };

  const placeOf = (name: string): RecordPlace => {
    const place = places.get(name) ?? openFolder(fileURLToPath(name));
    places.set(name, place);
    return place;
  };

  const openNamed = (name: string, serializer: Serializer): OpenedResults => {
    const byName = opened.get(serializer) ?? new Map<string, OpenedResults>();
    opened.set(serializer, byName);
    let results = byName.get(name);
    if (results === undefined) {
      const store = openSealedRecords({ place: placeOf(name), serializer, sealer, clock, log });
      results = { store, storage: name, serializerType: serializer.type };
      byName.set(name, results);
    }
    return results;
  };

  /** The serializer of this type: one that comes with Bellhop, else one that this process has used. */
  const serializerNamed = (type: string): Serializer =>
    builtInSerializer(type) ?? [...opened.keys()].findLast((used) => used.type === type) ?? serializerOf(null);

  return {
    persistByDefault,
    clock,
    log,
    open: (storage: ResultStorage | null, serializer: SerializerLike | null) =>
      openNamed(nameOf(storage), serializerOf(serializer)),
    load: async (metadata, tries) => {
      const found = readMetadata(metadata);
      if (found === null) return null;
      const { store } = openNamed(found.storage, serializerNamed(found.serializer));
      return load(store, found, tries, clock);
    },
  };
}

interface Wanted {
  readonly key: string;
  readonly storage: string;
  readonly serializer: string;
  readonly expiresAtMs: number | null;
}

/** Null for metadata of another program: its storage is not ours. */
function readMetadata(metadata: JsonValue): Wanted | null {
  if (!isPlain(metadata)) return null;
  const { storage_key: key, storage, serializer, expiration } = metadata;
  const type = isPlain(serializer) ? serializer["type"] : undefined;
  if (typeof key !== "string" || typeof storage !== "string" || typeof type !== "string") return null;
  if (storage !== EMBEDDED && !storage.startsWith("file:")) return null;
  const expiresAtMs = typeof expiration === "string" ? Date.parse(expiration) : null;
  return { key, storage, serializer: type, expiresAtMs };
}

async function load(store: RecordStore, wanted: Wanted, tries: number, clock: Clock) {
  for (let tried = 1; ; tried += 1) {
    const record = await store.read(wanted.key);
    if (record !== null) return record;
    // What has expired will not come back.
    const isOver = wanted.expiresAtMs !== null && wanted.expiresAtMs <= clock.now();
    if (isOver || tried >= tries) return null;
    await clock.sleep(RETRY_LOAD_MS);
  }
}
