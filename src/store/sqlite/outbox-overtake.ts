import type { Database } from "./database.ts";
import { NEWEST_COALESCING, OVERTAKE } from "./outbox-statements.ts";

interface Line {
  readonly destination: string;
  readonly subject: string;
  readonly nowMs: number;
}

/**
 * Suppresses the queued deliveries of a subject that tell of progress and are not the newest of their kind. Whoever
 * queues such a delivery calls this, so that none waits that nobody needs; one that is being sent is left alone.
 */
export function overtakeOlder(db: Database, { destination, subject, nowMs }: Line): void {
  const newest = db.get(NEWEST_COALESCING, destination, subject);
  if (newest !== undefined) db.run(OVERTAKE, newest.id, nowMs, destination, subject, newest.seq, newest.stateId);
}
