import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { RecordPlace } from "../../results/record-rows.ts";
import { openSharedLocks } from "../../results/shared-locks.ts";
import { openLockFiles } from "./lock-files.ts";
import { openRecordFiles } from "./record-files.ts";

/**
 * Results in a folder of the local file system, which several processes may share. The folder is made at the first
 * write, private to the user.
 *
 * @param folder Absolute path.
 */
export const openResultFolder = (
  folder: string,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): RecordPlace => ({
  rows: openRecordFiles(folder),
  locks: openSharedLocks({ rows: openLockFiles(folder), clock, log }),
});
