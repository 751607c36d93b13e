/** Schema this code reads and writes; the number of migrations. Kept apart from them, so that opening loads none. */
export const SCHEMA_VERSION = 4;
