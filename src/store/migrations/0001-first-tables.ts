import type { Migration } from "./migration.ts";

/*
 * Rules of this schema
 * - Every table has an integer key, and ids (UUID text) stand in a unique index beside it: a random primary key would
 *   spread every insert over the whole tree.
 * - Instants are integers with their unit in the name, objects JSON text, booleans 0 and 1.
 * - Long columns stand last, so that a scan over the short ones reads no overflow pages.
 * - `states` is the feed of state changes: a state is its own event. `seq` is given under the write lock, so it is the
 *   order of commits across all processes, and AUTOINCREMENT keeps a number from being used twice.
 */
export const FIRST_TABLES: Migration = {
  version: 1,
  sqlite: `
create table store_facts (
  key integer primary key,
  name text not null unique,
  value text not null
) strict;

create table leases (
  key integer primary key,
  id text not null unique,
  pid integer not null,
  host text not null,
  boot_id text not null,
  started_at_ms integer not null,
  heartbeat_at_ms integer not null
) strict;

create table flow_runs (
  key integer primary key,
  id text not null unique,
  name text not null,
  flow_name text not null,
  flow_version text,
  state_id text not null,
  state_type text not null,
  state_name text not null,
  state_timestamp_micros integer not null,
  run_count integer not null,
  expected_start_micros integer,
  next_scheduled_start_micros integer,
  start_micros integer,
  end_micros integer,
  total_run_time_micros integer not null,
  created_micros integer not null,
  parent_task_run_id text,
  parent_flow_run_id text,
  lease_id text,
  tags text not null,
  labels text not null,
  empirical_policy text not null,
  hooks text not null,
  parameters text not null
) strict;
create index flow_runs_by_name on flow_runs (name);
create index flow_runs_by_flow on flow_runs (flow_name);
create index flow_runs_by_state on flow_runs (state_type);
create index flow_runs_open on flow_runs (lease_id)
  where lease_id is not null and state_type not in ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED');

create table task_runs (
  key integer primary key,
  id text not null unique,
  flow_run_id text,
  name text not null,
  task_name text not null,
  task_key text not null,
  dynamic_key text not null,
  state_id text not null,
  state_type text not null,
  state_name text not null,
  state_timestamp_micros integer not null,
  run_count integer not null,
  flow_run_run_count integer not null,
  expected_start_micros integer,
  next_scheduled_start_micros integer,
  start_micros integer,
  end_micros integer,
  total_run_time_micros integer not null,
  created_micros integer not null,
  lease_id text,
  tags text not null,
  labels text not null,
  empirical_policy text not null,
  hooks text not null
) strict;
create index task_runs_of_flow_run on task_runs (flow_run_id) where flow_run_id is not null;
create index task_runs_open on task_runs (lease_id)
  where lease_id is not null and state_type not in ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED');

create table states (
  seq integer primary key autoincrement,
  id text not null unique,
  flow_run_key integer references flow_runs (key) on delete cascade,
  task_run_key integer references task_runs (key) on delete cascade,
  follows text,
  type text not null,
  name text not null,
  timestamp_micros integer not null,
  message text,
  details text not null,
  data text,
  check ((flow_run_key is null) <> (task_run_key is null))
) strict;
create index states_of_flow_run on states (flow_run_key) where flow_run_key is not null;
create index states_of_task_run on states (task_run_key) where task_run_key is not null;

create table hook_outcomes (
  key integer primary key,
  flow_run_id text,
  task_run_id text,
  state_id text not null,
  event text not null,
  hook text not null,
  status text not null,
  started_micros integer not null,
  duration_micros integer not null,
  error text
) strict;
create index hook_outcomes_of_flow_run on hook_outcomes (flow_run_id) where flow_run_id is not null;

create table deliveries (
  seq integer primary key autoincrement,
  id text not null unique,
  dedup_key text not null unique,
  status text not null,
  destination text not null,
  subject text not null,
  next_attempt_at_ms integer not null,
  lease_id text,
  attempts integer not null,
  origin text not null,
  severity text not null,
  flow_run_id text,
  task_run_id text,
  state_id text,
  created_at_ms integer not null,
  updated_at_ms integer not null,
  expires_at_ms integer,
  uncertain integer not null,
  reason text,
  provider_id text,
  detail text,
  payload text not null
) strict;
-- Partial, so that a million delivered rows cost the dispatcher nothing.
create index deliveries_due on deliveries (destination, next_attempt_at_ms) where status = 'queued';
create index deliveries_work on deliveries (status, destination) where status <> 'delivered';
create index deliveries_open on deliveries (destination, subject) where status in ('queued', 'sending');
create index deliveries_of_flow_run on deliveries (flow_run_id) where flow_run_id is not null;

create table attempts (
  key integer primary key,
  delivery_seq integer not null references deliveries (seq) on delete cascade,
  number integer not null,
  started_at_ms integer not null,
  duration_ms integer not null,
  status integer,
  outcome text not null
) strict;
create index attempts_of_delivery on attempts (delivery_seq);

create table pauses (
  key integer primary key,
  destination text not null unique,
  until_ms integer not null
) strict;

create table block_types (
  key integer primary key,
  id text not null unique,
  slug text not null unique,
  name text not null,
  is_protected integer not null,
  logo_url text,
  documentation_url text,
  description text,
  code_example text
) strict;

create table block_schemas (
  key integer primary key,
  id text not null unique,
  block_type_key integer not null references block_types (key) on delete cascade,
  checksum text not null,
  version text not null,
  capabilities text not null,
  fields text not null,
  unique (block_type_key, checksum, version)
) strict;

create table block_documents (
  key integer primary key,
  id text not null unique,
  block_type_key integer not null references block_types (key) on delete cascade,
  block_schema_key integer not null references block_schemas (key) on delete cascade,
  name text not null,
  is_anonymous integer not null,
  revision integer not null,
  created_micros integer not null,
  updated_micros integer not null,
  labels text not null,
  data text not null,
  unique (block_type_key, name)
) strict;
create index block_documents_of_schema on block_documents (block_schema_key);

create table block_references (
  key integer primary key,
  parent_key integer not null references block_documents (key) on delete cascade,
  referenced_key integer not null references block_documents (key) on delete restrict,
  path text not null,
  unique (parent_key, path),
  check (parent_key <> referenced_key)
) strict;
create index block_references_to on block_references (referenced_key);

create table encryption_keys (
  key integer primary key,
  kid text not null unique,
  state text not null check (state in ('active', 'decrypt_only', 'retired')),
  source text not null,
  created_at_ms integer not null
) strict;
create unique index encryption_keys_one_active on encryption_keys (state) where state = 'active';

create table inbox_messages (
  key integer primary key,
  id text not null unique,
  inbox text not null,
  received_at_ms integer not null,
  title text not null,
  body text not null
) strict;
create index inbox_messages_of_inbox on inbox_messages (inbox);
`,
};
