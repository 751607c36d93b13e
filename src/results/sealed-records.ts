import type { Clock } from "../base/clock.ts";
import { BellhopError, errorCode, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { Sealer } from "../block/sealer.ts";
import type { Serializer } from "./options.ts";
import type { RecordPlace, StoredRecord } from "./record-rows.ts";
import type { RecordStore, ResultRecord } from "./record-store.ts";
import { builtInSerializer } from "./serializers.ts";

export interface SealedRecordsOptions {
  readonly place: RecordPlace;
  readonly serializer: Serializer;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly log: Logger;
}

/** All that is stored in clear is bound to the content: a record moved to another key, or made to last, does not open. */
const binding = (key: string, { serializer, writtenAtMs, expiresAtMs }: Omit<StoredRecord, "payload">): string =>
  JSON.stringify(["bellhop/result/v1", key, serializer, writtenAtMs, expiresAtMs]);

const unreadable = (key: string, reason: string): BellhopError =>
  new BellhopError("result_unreadable", { key: redact(key), reason });

/** Records of values, over a place that holds sealed bytes. */
export function openSealedRecords({ place, serializer, sealer, clock, log }: SealedRecordsOptions): RecordStore {
  const { rows, locks } = place;

  const open = async (key: string, stored: StoredRecord): Promise<ResultRecord> => {
    const by = stored.serializer === serializer.type ? serializer : builtInSerializer(stored.serializer);
    if (by === undefined) throw unreadable(key, `it was written by the serializer "${redact(stored.serializer)}"`);
    const plain = await sealer.open(stored.payload, binding(key, stored));
    if (plain === undefined) throw unreadable(key, "it was changed after it was written");
    return { value: await by.deserialize(plain), expiresAtMs: stored.expiresAtMs };
  };

  const warn = (key: string, error: unknown): null => {
    log.warn("a stored result could not be read", { key: redact(key), error: redact(messageOf(error)) });
    return null;
  };

  /** What is there and has not expired, still sealed. */
  const find = async (key: string): Promise<StoredRecord | null> => {
    try {
      const stored = await rows.read(key);
      const isOver = stored !== null && stored.expiresAtMs !== null && stored.expiresAtMs <= clock.now();
      return isOver ? null : stored;
    } catch (error) {
      if (errorCode(error) === "result_unreadable") return warn(key, error);
      throw error;
    }
  };

  const read = async (key: string): Promise<ResultRecord | null> => {
    const stored = await find(key);
    if (stored === null) return null;
    try {
      return await open(key, stored);
    } catch (error) {
      return warn(key, error);
    }
  };

  return {
    locks,
    read,
    exists: async (key) => (await find(key)) !== null,
    write: async (key, { value, expiresAtMs }) => {
      const plain = await serializer.serialize(value);
      const facts = { serializer: serializer.type, writtenAtMs: clock.now(), expiresAtMs };
      await rows.write(key, { ...facts, payload: await sealer.seal(plain, binding(key, facts)) });
    },
  };
}
