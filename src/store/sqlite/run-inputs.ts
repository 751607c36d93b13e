import { BellhopError } from "../../base/errors.ts";
import type { Micros } from "../../base/instant.ts";
import type { JsonValue } from "../../base/json.ts";
import { redactDeep } from "../../base/redactor.ts";
import type { RunInput } from "../../runs/run-store.ts";
import { type Database, query, toJson } from "./database.ts";

// Both run inside a group commit, which holds the write lock; the unique index on run and key finds the row.

type InputValues = [flowRunId: string, key: string, createdAtMs: number, value: string];

const INSERT_INPUT = query<InputValues>(
  `insert into run_inputs (flow_run_id, input_key, created_at_ms, value) values (?, ?, ?, ?)
   on conflict (flow_run_id, input_key) do nothing`,
);

const REPLACE_INPUT = query<InputValues>(
  `insert into run_inputs (flow_run_id, input_key, created_at_ms, value) values (?, ?, ?, ?)
   on conflict (flow_run_id, input_key) do update set created_at_ms = excluded.created_at_ms, value = excluded.value`,
);

const stored = (value: JsonValue): string => toJson(redactDeep(value));

/** Copies an input and returns what stores it. @throws store_value_invalid; the work: run_input_exists */
export function prepareInput(flowRunId: string, input: RunInput, nowMs: number): (db: Database) => void {
  const value = stored(input.value);
  return (db) => {
    if (db.run(INSERT_INPUT, flowRunId, input.key, nowMs, value) === 0)
      throw new BellhopError("run_input_exists", { run: flowRunId, key: input.key });
  };
}

/** As {@link prepareInput} for the inputs that come with a state; they replace older ones. */
export function prepareInputs(flowRunId: string, inputs: readonly RunInput[], at: Micros): (db: Database) => void {
  const nowMs = Math.floor(at / 1_000);
  const rows = inputs.map(({ key, value }): InputValues => [flowRunId, key, nowMs, stored(value)]);
  return (db) => {
    for (const row of rows) db.run(REPLACE_INPUT, ...row);
  };
}
