import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Database, query, type Query, type SqlValue } from "../../src/store/sqlite/database.ts";
import * as events from "../../src/store/sqlite/event-rows.ts";
import * as givenUp from "../../src/store/sqlite/outbox-given-up.ts";
import * as stats from "../../src/store/sqlite/outbox-stats.ts";
import * as looks from "../../src/store/sqlite/outbox-looks.ts";
import * as outbox from "../../src/store/sqlite/outbox-statements.ts";
import * as runs from "../../src/store/sqlite/run-statements.ts";
import * as blocks from "../../src/store/sqlite/block-statements.ts";
import { sqliteFixture, type StoreFixture } from "../support/store-fixture.ts";

/**
 * Statements that walk a table backwards on purpose, until a page is full, and tables with a handful of rows; a constant
 * row is none of a table.
 */
const WALKS = /^SCAN (r|d|deliveries|block_types|encryption_keys|busy|json_each|CONSTANT ROW)\b/;

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
  const places = Math.max(
    (statement.sql.match(/\?(?!\d)/g) ?? []).length,
    ...[...statement.sql.matchAll(/\?(\d)/g)].map((match) => Number(match[1])),
    0,
  );
  return db.all(explain, ...Array.from({ length: places }, () => "1")).map((row) => row.detail);
}

describe("query plans", () => {
  it.each([
    ["claiming from much", outbox.CANDIDATES, "deliveries_ready (destination=? AND priority=? AND seq>?)"],
    ["claiming from little", outbox.CANDIDATES_OF_FEW, "deliveries_due (destination=? AND next_attempt_at_ms<?)"],
    ["how much there is", outbox.BEFORE_CLAIM, "COVERING INDEX deliveries_due"],
    ["the head of a subject", outbox.CANDIDATES, "COVERING INDEX deliveries_line (destination=? AND subject=?)"],
    ["the lock of a destination", outbox.BEFORE_CLAIM, "COVERING INDEX deliveries_sending (destination=?)"],
    ["the order of a subject", outbox.LINE, "deliveries_line (destination=? AND subject=?)"],
    ["the pause of a destination", outbox.BEFORE_CLAIM, "sqlite_autoindex_pauses_1 (destination=?)"],
    ["taking", outbox.CLAIM, "INTEGER PRIMARY KEY"],
    ["taking one", outbox.CLAIM_ONE, "INTEGER PRIMARY KEY"],
    ["the key of a delivery", outbox.SEQ_OF, "COVERING INDEX sqlite_autoindex_deliveries_1 (id=?)"],
    ["settling", outbox.SETTLE, "INTEGER PRIMARY KEY"],
    ["the line of a delivery", outbox.LINE_OF, "INTEGER PRIMARY KEY"],
    ["giving back", outbox.RELEASE, "sqlite_autoindex_deliveries_1 (id=?)"],
    ["retiring", outbox.RETIRE, "sqlite_autoindex_deliveries_1 (id=?)"],
    ["cancelling", outbox.CANCEL, "sqlite_autoindex_deliveries_1 (id=?)"],
    ["overtaking", outbox.OVERTAKE, "deliveries_line (destination=? AND subject=? AND rowid<?)"],
    ["replaying", outbox.REPLAY, "INTEGER PRIMARY KEY"],
    ["recovery", outbox.HELD_BY, "deliveries_sending"],
    ["dead letters", outbox.LIST_DEAD, "deliveries_given_up (status=?)"],
    ["what a person replays", outbox.GIVEN_UP, "deliveries_given_up (status=?)"],
    ["which deliveries are dead", looks.IDS_GIVEN_UP, "deliveries_given_up (status=?)"],
    ["which deliveries wait", looks.IDS_QUEUED, "deliveries_due"],
    ["where deliveries stand", looks.STANDING, "sqlite_autoindex_deliveries_1 (id=?)"],
    ["who goes first", looks.STANDING, "deliveries_line (destination=? AND subject=? AND rowid<?)"],
    ["a delivery by its key", outbox.READ_BY_KEY, "sqlite_autoindex_deliveries_2 (dedup_key=?)"],
    ["what is too old", givenUp.OLDEST_QUEUED, "deliveries_ready (destination=? AND priority=?)"],
    ["what is given up as too old", givenUp.BY_SEQ, "INTEGER PRIMARY KEY"],
    ["what processes gave up", givenUp.LOST, "deliveries_given_up (status=? AND destination=?)"],
    ["what was sent in its place", givenUp.LOST, "sqlite_autoindex_deliveries_2 (dedup_key=?)"],
    ["what is due", outbox.DUE, "deliveries_due"],
    ["counting what is queued", stats.COUNT_QUEUED, "COVERING INDEX deliveries_due"],
    ["counting what is given up", stats.COUNT_GIVEN_UP, "COVERING INDEX deliveries_given_up"],
    ["the figures of a window", stats.ATTEMPTS_BEFORE, "INTEGER PRIMARY KEY"],
    ["events behind a cursor", events.READ_EVENTS, "INTEGER PRIMARY KEY"],
    ["open flow runs", runs.LIST_OPEN_FLOW_RUNS, "flow_runs_open"],
    ["open task runs", runs.LIST_OPEN_TASK_RUNS, "task_runs_open"],
    ["the runs of a flow", runs.LIST_FLOW_RUNS_OF_FLOW, "flow_runs_by_flow"],
    ["runs in a state", runs.LIST_FLOW_RUNS_IN_STATE, "flow_runs_by_state"],
    ["task runs of a flow run", runs.LIST_TASK_RUNS, "task_runs_of_flow_run"],
    ["states of a flow run", runs.LIST_STATES_OF_FLOW_RUN, "states_of_flow_run"],
    ["states of a task run", runs.LIST_STATES_OF_TASK_RUN, "states_of_task_run"],
    ["a run by its name", runs.FIND_FLOW_RUN_BY_NAME, "flow_runs_by_name"],
    ["overdue runs", runs.LIST_OVERDUE, "flow_runs_scheduled"],
    ["expired pauses", runs.LIST_EXPIRED_PAUSES, "flow_runs_by_state"],
    ["cancelling runs", runs.LIST_CANCELLING, "flow_runs_by_state"],
    ["flow runs inside cancelled ones", runs.LIST_OPEN_FLOW_RUNS_IN_CANCELLED, "flow_runs_open"],
    ["task runs inside cancelled ones", runs.LIST_OPEN_TASK_RUNS_IN_CANCELLED, "task_runs_open"],
    ["holders", runs.LIST_HOLDERS, "task_runs_open"],
    ["inputs", runs.READ_RUN_INPUT, "run_inputs"],
    ["hook outcomes", runs.LIST_HOOK_OUTCOMES, "hook_outcomes_of_flow_run"],
    ["deliveries of a run", outbox.LIST_OF_RUN, "deliveries_of_flow_run"],
    ["attempts", outbox.ATTEMPTS, "attempts_of_delivery"],
    ["a document by its reference", blocks.READ_DOCUMENT, "block_documents"],
    ["referrers", blocks.LIST_REFERRERS, "block_references_to"],
  ] as const)("%s uses its index", (_name, statement, index) => {
    expect(planOf(statement).join("\n")).toContain(index);
  });

  it("sort nothing that an index gives in order", () => {
    const sorted = [
      outbox.CANDIDATES,
      givenUp.OLDEST_QUEUED,
      runs.LIST_FLOW_RUNS,
      runs.LIST_FLOW_RUNS_OF_FLOW,
      runs.LIST_FLOW_RUNS_IN_STATE,
      runs.LIST_OVERDUE,
      outbox.LIST_NEWEST,
    ];

    for (const statement of sorted)
      expect(planOf(statement).filter((step) => step.includes("TEMP B-TREE"))).toEqual([]);
  });

  it("scan nothing by accident", () => {
    const statements = Object.values({ ...outbox, ...runs, ...blocks });

    const scans = statements.flatMap((statement) =>
      planOf(statement).filter((step) => step.startsWith("SCAN") && !step.includes("INDEX") && !WALKS.test(step)),
    );

    expect(statements.length).toBeGreaterThan(30);
    expect(scans).toEqual([]);
  });
});
