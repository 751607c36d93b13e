import { describe } from "vitest";
import { sqliteFixture } from "../support/store-fixture.ts";
import { blockStoreSuite } from "./suite-blocks.ts";
import { eventStoreSuite } from "./suite-events.ts";
import { outboxGivenUpSuite } from "./suite-outbox-given-up.ts";
import { outboxLooksSuite } from "./suite-outbox-looks.ts";
import { outboxModelSuite } from "./suite-outbox-model.ts";
import { outboxMovesSuite } from "./suite-outbox-moves.ts";
import { outboxOrderSuite } from "./suite-outbox-order.ts";
import { outboxStoreSuite } from "./suite-outbox.ts";
import { runStoreSuite } from "./suite-runs.ts";
import { inboxStoreSuite, leaseStoreSuite } from "./suite-small.ts";

const suites = {
  blockStoreSuite,
  outboxStoreSuite,
  outboxGivenUpSuite,
  outboxLooksSuite,
  outboxMovesSuite,
  outboxOrderSuite,
  outboxModelSuite,
  eventStoreSuite,
  runStoreSuite,
  leaseStoreSuite,
  inboxStoreSuite,
};

describe("SQLite store", () => {
  for (const suite of Object.values(suites)) suite(sqliteFixture);
});
