import type { Logger } from "../base/logger.ts";
import type { RecordStore } from "../results/record-store.ts";
import type { CommitMode, IsolationLevel } from "./transaction.ts";

/** What a transaction is opened with. */
export interface OpenOptions {
  readonly key: string | null;
  /** Where the record is; null: no record. */
  readonly records: RecordStore | null;
  /** Does the work also when there is a record. Default false. */
  readonly overwrite?: boolean;
  /** Default true. */
  readonly writeOnCommit?: boolean;
  readonly log: Logger;
  /** How the log names it. Default the key. */
  readonly name?: string | undefined;
  /** Default: that of the transaction around it, else `LAZY`. */
  readonly commitMode?: CommitMode | undefined;
  /** Default: that of the transaction around it, else `READ_COMMITTED`. */
  readonly isolationLevel?: IsolationLevel | undefined;
}
