import type { Migration } from "./migration.ts";

/**
 * What proven delivery needs: order by severity, coalescing, sealed payloads, the health of destinations, and events.
 *
 * `is_open` says queued or sending. It stands beside `status` so that the index of a subject's line is left alone when a
 * delivery is claimed. All indexes but that of the flow run are partial: a million ended rows cost the dispatcher nothing.
 */
export const DELIVERY: Migration = {
  version: 3,
  sqlite: `
-- Tells a process from a later one with its number without asking the clock, which may be set.
alter table leases add column start_ticks integer;

create table payload_keys (
  key integer primary key,
  id text not null unique,
  kid text not null,
  created_at_ms integer not null,
  wrapped blob not null
) strict;

alter table deliveries add column priority integer not null default 3;
alter table deliveries add column is_open integer not null default 0;
alter table deliveries add column coalesces integer not null default 0;
alter table deliveries add column process_ends integer not null default 0;
update deliveries set is_open = 1,
  priority = case severity when 'critical' then 0 when 'error' then 1 when 'warning' then 2 else 3 end
  where status in ('queued', 'sending');

-- Apart from the deliveries, so that a move writes a short row: a page then holds ten of them instead of two.
-- content: text as it is, or bytes sealed with the key. deliveries.payload stays empty; earlier versions kept it there.
create table delivery_payloads (
  seq integer primary key references deliveries (seq) on delete cascade,
  payload_key integer,
  content any not null
) strict;

drop index deliveries_work;
drop index deliveries_open;
create index deliveries_ready on deliveries (destination, priority, seq, next_attempt_at_ms) where status = 'queued';
create index deliveries_sending on deliveries (destination, lease_id, process_ends) where status = 'sending';
create index deliveries_line on deliveries (destination, subject) where is_open = 1;
create index deliveries_given_up on deliveries (status, destination) where status in ('dead', 'suppressed');

create table destinations (
  key integer primary key,
  destination text not null unique,
  consecutive_failures integer not null,
  consecutive_refusals integer not null,
  breaker text not null check (breaker in ('closed', 'open', 'half-open')),
  open_for_ms integer not null,
  probe_at_ms integer,
  failing_since_ms integer,
  last_success_ms integer,
  last_told_ms integer,
  disabled_reason text,
  memory text not null
) strict;

-- after_state_seq: the newest state when the event was stored, so that events and states can be read as one feed.
create table events (
  seq integer primary key autoincrement,
  id text not null unique,
  occurred_micros integer not null,
  event text not null,
  after_state_seq integer not null,
  resource text not null,
  payload text not null
) strict;
`,
};
