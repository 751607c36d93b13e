import type { Migration } from "./migration.ts";

/** What a complete run model keeps beside runs and states: results, locks, log lines, and what is given to paused runs. */
export const RUN_MODEL: Migration = {
  version: 2,
  sqlite: `
alter table task_runs add column task_inputs text not null default '{}';

create table results (
  key integer primary key,
  storage_key text not null unique,
  written_at_ms integer not null,
  expires_at_ms integer,
  serializer text not null,
  payload blob not null
) strict;
create index results_by_expiry on results (expires_at_ms) where expires_at_ms is not null;

create table locks (
  key integer primary key,
  name text not null unique,
  holder text not null,
  acquired_at_ms integer not null,
  expires_at_ms integer not null
) strict;

create table run_logs (
  key integer primary key,
  flow_run_id text,
  task_run_id text,
  timestamp_micros integer not null,
  level integer not null,
  logger text not null,
  message text not null
) strict;
create index run_logs_of_flow_run on run_logs (flow_run_id) where flow_run_id is not null;
create index run_logs_of_task_run on run_logs (task_run_id) where task_run_id is not null;
create index hook_outcomes_of_task_run on hook_outcomes (task_run_id) where task_run_id is not null;

create table run_inputs (
  key integer primary key,
  flow_run_id text not null,
  input_key text not null,
  sender text,
  created_at_ms integer not null,
  value text not null,
  unique (flow_run_id, input_key)
) strict;

create index flow_runs_scheduled on flow_runs (next_scheduled_start_micros)
  where state_type = 'SCHEDULED' and state_name = 'Scheduled';
`,
};
