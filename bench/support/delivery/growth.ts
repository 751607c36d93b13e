import { DatabaseSync } from "node:sqlite";
import { figure } from "../figures.ts";
import type { Report } from "../options.ts";
import { enqueueMany, openBenchCore, type Payload } from "./backlog.ts";
import { type Backlog, drainHome, openBacklog, WARM_UP } from "./drains.ts";
import type { Sink } from "./open-sink.ts";

const DESTINATIONS = 100;
/** Rows written in one transaction. */
const AT_ONCE = 50_000;

const OLD_DELIVERIES = `
insert into deliveries (id, dedup_key, status, is_open, destination, subject, next_attempt_at_ms, lease_id, attempts, origin,
  severity, priority, coalesces, flow_run_id, task_run_id, state_id, created_at_ms, updated_at_ms, expires_at_ms, uncertain,
  reason, provider_id, detail, payload)
select 'old-' || printf('%012d', n), 'old-' || n, 'delivered', 0, 'bench-webhook/d' || (n % 100), 'flow-run/old-' || n,
  n, null, 1, 'hook', 'error', 1, 0, 'run-' || printf('%032d', n), null, 'state-' || n, n, n, null, 0, null, null, null, ''
from (with recursive c (n) as (select ?1 union all select n + 1 from c where n < ?2) select n from c)`;
const OLD_PAYLOADS = `
insert into delivery_payloads (seq, payload_key, content)
select seq, null, printf('%.*c', 400, 'x') from deliveries where id >= 'old-' || printf('%012d', ?1) and id <= 'old-' || printf('%012d', ?2)`;
const OLD_ATTEMPTS = `
insert into attempts (delivery_seq, number, started_at_ms, duration_ms, status, outcome)
select seq, 1, created_at_ms, 3, 200, '{"kind":"delivered"}' from deliveries
where id >= 'old-' || printf('%012d', ?1) and id <= 'old-' || printf('%012d', ?2)`;

/** Puts so many delivered deliveries, with their messages and attempts, into the store of a backlog. */
function addOld({ home }: Backlog, count: number): void {
  const db = new DatabaseSync(home.database);
  try {
    db.exec("pragma synchronous = off");
    const statements = [OLD_DELIVERIES, OLD_PAYLOADS, OLD_ATTEMPTS].map((sql) => db.prepare(sql));
    for (let from = 1; from <= count; from += AT_ONCE) {
      db.exec("begin");
      for (const statement of statements) statement.run(from, Math.min(count, from + AT_ONCE - 1));
      db.exec("commit");
    }
    // As a store that has run for long: the log is short, and the planner knows the tables.
    db.exec("pragma wal_checkpoint(truncate); analyze");
  } finally {
    db.close();
  }
}

/**
 * Throughput with a million old deliveries in the store, as a share of the throughput without. Nothing is copied between the
 * rounds, so that a gigabyte just written does not disturb one side. The old store keeps what each round delivered, and grows.
 */
export async function measureGrowth(
  report: Report,
  sink: Sink,
  payload: Payload,
  scale: { readonly rounds: number; readonly drained: number; readonly old: number },
): Promise<void> {
  const kind = { count: scale.drained, destinations: DESTINATIONS, payload };
  using old = await openBacklog(sink, kind);
  addOld(old, scale.old);
  const ratios: number[] = [];
  for (let round = -WARM_UP; round < scale.rounds; round += 1) {
    using young = await openBacklog(sink, kind);
    if (round > -WARM_UP) await refill(old, kind);
    const ms = new Map<Backlog, number>();
    // Which comes first changes from round to round.
    for (const one of round % 2 === 0 ? [young, old] : [old, young])
      ms.set(one, await drainHome(one.home, scale.drained, sink));
    if (round >= 0) ratios.push((ms.get(young) ?? Number.NaN) / (ms.get(old) ?? Number.NaN));
  }
  report(figure("delivery", "growth_ratio", "", ratios));
}

/** Puts as many new deliveries into the store as it had in the beginning. */
async function refill(
  { home }: Backlog,
  {
    count,
    destinations,
    payload,
  }: { readonly count: number; readonly destinations: number; readonly payload: Payload },
): Promise<void> {
  await using core = await openBenchCore(home);
  await enqueueMany(core, count, destinations, payload);
}
