import { describe } from "vitest";
import { sqliteFixture } from "../support/store-fixture.ts";
import { blockStoreSuite } from "./suite-blocks.ts";
import { outboxStoreSuite } from "./suite-outbox.ts";
import { runStoreSuite } from "./suite-runs.ts";
import { inboxStoreSuite, leaseStoreSuite } from "./suite-small.ts";

const suites = { blockStoreSuite, outboxStoreSuite, runStoreSuite, leaseStoreSuite, inboxStoreSuite };

describe("SQLite store", () => {
  for (const suite of Object.values(suites)) suite(sqliteFixture);
});
