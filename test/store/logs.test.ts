import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Database, query, type Query, type SqlValue } from "../../src/store/sqlite/database.ts";
import * as logs from "../../src/store/sqlite/log-statements.ts";
import { sqliteFixture, type StoreFixture } from "../support/store-fixture.ts";
import { logStoreSuite } from "./suite-logs.ts";

describe("SQLite store", () => {
  logStoreSuite(sqliteFixture);
});

describe("query plans of logs", () => {
  let fixture: StoreFixture & { readonly path: string };
  let db: Database;

  beforeAll(async () => {
    fixture = await sqliteFixture();
    db = new Database(fixture.path, { readOnly: true });
  });
  afterAll(async () => {
    db.close();
    await fixture[Symbol.asyncDispose]();
  });

  function planOf(statement: Query<never, unknown>): string[] {
    const explain = query<readonly SqlValue[], { detail: string }>(`explain query plan ${statement.sql}`);
    const places = Math.max(0, ...[...statement.sql.matchAll(/\?(\d)/g)].map((match) => Number(match[1])));
    return db.all(explain, ...Array.from({ length: places }, () => "1")).map((row) => row.detail);
  }

  it.each([
    ["lines of a flow run", logs.LOGS_OF_FLOW_RUN, "run_logs_of_flow_run"],
    ["the latest lines of a flow run", logs.LATEST_LOGS_OF_FLOW_RUN, "run_logs_of_flow_run"],
    ["lines of a task run", logs.LOGS_OF_TASK_RUN, "run_logs_of_task_run"],
    ["states in a flow run", logs.STATES_IN_FLOW_RUN, "task_runs_of_flow_run"],
    ["states of its task runs", logs.STATES_IN_FLOW_RUN, "states_of_task_run"],
    ["states of a task run", logs.STATES_IN_TASK_RUN, "states_of_task_run"],
    ["hooks in a flow run", logs.HOOKS_IN_FLOW_RUN, "hook_outcomes_of_flow_run"],
    ["hooks of a task run", logs.HOOKS_IN_TASK_RUN, "hook_outcomes_of_task_run"],
  ] as const)("%s are found by their index", (_name, statement, index) => {
    expect(planOf(statement).join("\n")).toContain(index);
  });

  it("scan and sort nothing that an index gives in order", () => {
    const statements = [
      logs.LOGS_OF_FLOW_RUN,
      logs.LATEST_LOGS_OF_FLOW_RUN,
      logs.LOGS_OF_TASK_RUN,
      logs.LATEST_LOGS_OF_TASK_RUN,
      logs.STATES_IN_TASK_RUN,
      logs.LATEST_STATES_IN_TASK_RUN,
      logs.HOOKS_IN_FLOW_RUN,
      logs.LATEST_HOOKS_IN_FLOW_RUN,
      logs.HOOKS_IN_TASK_RUN,
      logs.LATEST_HOOKS_IN_TASK_RUN,
    ];

    const steps = statements.flatMap(planOf);

    expect(steps.filter((step) => /^SCAN|TEMP B-TREE/.test(step))).toEqual([]);
  });
});
