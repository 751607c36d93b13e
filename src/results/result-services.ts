import type { Clock } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import type { Logger } from "../base/logger.ts";
import type { ResultStorage, SerializerLike } from "./options.ts";
import type { RecordStore } from "./record-store.ts";

/** A storage with a serializer, opened. */
export interface OpenedResults {
  readonly store: RecordStore;
  /** As written into result metadata: `"store"` or the folder as a file URL. */
  readonly storage: string;
  readonly serializerType: string;
}

/** What the engine and the reading of states need for results; the composition root makes it. */
export interface ResultServices {
  /** Setting `results.persistByDefault`. */
  readonly persistByDefault: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** The same opened storage for the same arguments. @throws invalid_definition naming the option */
  open(storage: ResultStorage | null, serializer: SerializerLike | null): OpenedResults;
  /**
   * The value that result metadata stands for; null when it is not there.
   * @param tries How often a record that is not there yet is asked for, 0.25 s apart.
   */
  load(metadata: JsonValue, tries: number): Promise<{ readonly value: unknown } | null>;
}
