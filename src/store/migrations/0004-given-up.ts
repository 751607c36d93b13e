import type { Migration } from "./migration.ts";

/** What is known of deliveries that end without a result: whether their attempt began, and what was given up so. */
export const GIVEN_UP: Migration = {
  version: 4,
  sqlite: `
-- When its attempt was begun; noted only where it matters, and only while status is 'sending'.
alter table deliveries add column begun_at_ms integer;

-- Written by the moves of deliveries alone: how many were given up without an attempt, and when a person last replayed some.
alter table destinations add column given_up integer not null default 0;
alter table destinations add column replayed_at_ms integer;
`,
};
