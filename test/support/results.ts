import { randomBytes } from "node:crypto";
import type { Logger, LogFields } from "../../src/base/logger.ts";
import { type Sealer, vaultSealer } from "../../src/block/sealer.ts";
import { openResultServices } from "../../src/results/open-services.ts";
import type { RecordPlace } from "../../src/results/record-rows.ts";
import { memoryLocks } from "../../src/results/memory-locks.ts";
import type { StoredRecord } from "../../src/results/record-rows.ts";
import type { ResultServices } from "../../src/results/result-services.ts";
import { openResultFolder } from "../../src/store/file-results/open-folder.ts";
import { toMasterKey } from "../../src/vault/master-key.ts";
import { ManualClock } from "./manual-clock.ts";

/** Seals with a key of its own. */
export function testSealer(bytes = randomBytes(32)): Sealer {
  const key = toMasterKey(Buffer.from(bytes), "env");
  return vaultSealer({ active: async () => key, open: async () => key });
}

export interface Line {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps what it is told. */
export function keepingLogger(): { readonly log: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: keyof Logger) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  return { lines, log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

/** Records in memory. */
export function memoryPlace(clock: ManualClock): RecordPlace & { readonly all: Map<string, StoredRecord> } {
  const all = new Map<string, StoredRecord>();
  return {
    all,
    rows: {
      read: async (key) => all.get(key) ?? null,
      write: async (key, record) => void all.set(key, record),
    },
    locks: memoryLocks(clock),
  };
}

/** Result services whose storage `"store"` is in memory. */
export function testServices(options: { readonly persistByDefault?: boolean } = {}): {
  readonly services: ResultServices;
  readonly clock: ManualClock;
  readonly lines: Line[];
  readonly place: ReturnType<typeof memoryPlace>;
} {
  const clock = new ManualClock();
  const { log, lines } = keepingLogger();
  const place = memoryPlace(clock);
  const openFolder = (path: string): RecordPlace => openResultFolder(path, { clock, log });
  const services = openResultServices({ embedded: place, openFolder, sealer: testSealer(), clock, log, ...options });
  return { services, clock, lines, place };
}
