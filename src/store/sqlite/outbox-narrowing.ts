import type { DeliverySelection } from "../../delivery/outbox-store.ts";

/** What a selection says besides the status; empty text and null stand for "no filter". */
export type Narrowing = readonly [
  destination: string,
  flowRunId: string,
  reason: string,
  sinceMs: number | null,
  untilMs: number | null,
];

/** The first five values of a statement with this condition are those of {@link narrowing}. */
export const NARROWED = `(?1 = '' or destination = ?1) and (?2 = '' or flow_run_id = ?2) and (?3 = '' or reason = ?3)
  and (?4 is null or created_at_ms >= ?4) and (?5 is null or created_at_ms < ?5)`;

/** Condition of the index deliveries_given_up. */
export const GIVEN_UP_ONLY = "status in ('dead', 'suppressed')";

export const narrowing = (selection: DeliverySelection): Narrowing => [
  selection.destination ?? "",
  selection.flowRunId ?? "",
  selection.reason ?? "",
  selection.sinceMs ?? null,
  selection.untilMs ?? null,
];
