import { FIRST_TABLES } from "./0001-first-tables.ts";
import { RUN_MODEL } from "./0002-run-model.ts";
import { DELIVERY } from "./0003-delivery.ts";
import { GIVEN_UP } from "./0004-given-up.ts";
import type { Migration } from "./migration.ts";

/** In order of application. The last version is `SCHEMA_VERSION` in `../schema-version.ts`. */
export const MIGRATIONS: readonly Migration[] = [FIRST_TABLES, RUN_MODEL, DELIVERY, GIVEN_UP];
