import type { Delivery, DeliveryStatus } from "../../delivery/delivery.ts";
import type { Core } from "../../core.ts";
import { isDead } from "../dead-processes.ts";
import { durationText } from "../time-text.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** Most that a list gives at once; beyond it, "200 or more" is said. */
const LIST_LIMIT = 200;
/** A delivery that should have left this long ago waits for a process that sends. */
const OVERDUE_MS = 60_000;

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;

/** Every page and link of the database, and what the last write said. */
export async function checkStore({ store }: Core): Promise<Finding> {
  const health = await store.health({ integrity: true });
  const facts = `${health.path}, schema ${health.schemaVersion}, SQLite ${health.engine}, ${megabytes(health.fileBytes + health.logBytes)}`;
  const problems = health.problems ?? [];
  if (problems.length > 0) {
    return fail(
      "store",
      `${facts}: damaged: ${problems.slice(0, 3).join("; ")}`,
      "Stop every Bellhop process, keep a copy of the file, and restore a backup.",
    );
  }
  if (health.lastFailure !== null)
    return warn(
      "store",
      `${facts}; the last write failed with ${health.lastFailure}`,
      "Look at free disk space and permissions.",
    );
  return ok("store", `${facts}, intact`);
}

/** Where the key comes from, without making one. What was looked at is shown when something is missing. */
export async function checkKey({ vault }: Core): Promise<Finding[]> {
  const { state, kid, source, notes } = await vault.status();
  const looked = notes.map((note) => ok("key", note));
  if (state === "ready") return [ok("key", `${kid ?? "?"} from ${sourceText(source)}`), ...looked];
  if (state === "empty") return [ok("key", "none yet; it is made when the first block is saved"), ...looked];
  const text = `locked: the key ${kid ?? "of this store"} is not to be found`;
  return [
    fail(
      "key",
      text,
      "Give it with BELLHOP_ENCRYPTION_KEY, BELLHOP_ENCRYPTION_KEY_FILE, the keychain, or the key file.",
    ),
    ...looked,
  ];
}

const SOURCES = {
  env: "BELLHOP_ENCRYPTION_KEY",
  env_file: "BELLHOP_ENCRYPTION_KEY_FILE",
  keychain: "the keychain of the system",
  file: "the key file",
} as const;
const sourceText = (source: keyof typeof SOURCES | null): string =>
  source === null ? "an unknown place" : SOURCES[source];

/** The project's templates as `template check` sees them. */
export async function checkTemplates({ catalog }: Core): Promise<Finding> {
  const listings = catalog.list();
  const own = listings.filter(({ origin }) => origin === "project").length;
  const problems = await catalog.check();
  const errors = problems.filter(({ severity }) => severity === "error");
  const counted = `${listings.length - own} built in, ${own} of the project`;
  if (errors.length > 0) {
    const [first] = errors;
    return fail(
      "templates",
      `${counted}: ${errors.length} refused, first ${first?.file}:${first?.line}: ${first?.message}`,
      'See "bellhop template check". Until then the built-in ones are used.',
    );
  }
  if (problems.length > 0)
    return warn("templates", `${counted}, ${problems.length} warnings`, 'See "bellhop template check".');
  return ok("templates", `${counted}, all valid`);
}

const atLeast = (count: number): string => (count >= LIST_LIMIT ? `${LIST_LIMIT} or more` : String(count));

/** What waits, what is overdue, and what was given up. */
export async function checkDeliveries({ store, clock }: Core): Promise<Finding[]> {
  const list = (status: DeliveryStatus): Promise<Delivery[]> =>
    store.outbox.list({ status: [status], limit: LIST_LIMIT });
  const [queued, dead] = [await list("queued"), await list("dead")];
  const overdue = queued.filter(({ nextAttemptAtMs }) => clock.now() - nextAttemptAtMs > OVERDUE_MS);
  const waiting = queued.length === 0 ? "none waiting" : `${atLeast(queued.length)} waiting`;
  return [
    overdue.length === 0
      ? ok("deliveries", waiting)
      : warn(
          "deliveries",
          `${waiting}, ${atLeast(overdue.length)} of them overdue by more than ${durationText(OVERDUE_MS)}`,
          'No process is sending: run "bellhop sweep", from cron where none lives long.',
        ),
    ...(dead.length === 0
      ? []
      : [warn("deliveries", `${atLeast(dead.length)} given up`, 'See "bellhop delivery ls --status dead".')]),
  ];
}

/** Processes on the store, and those that died without cleaning up. */
export async function checkLeases({ store, clock }: Core): Promise<Finding> {
  const leases = await store.leases.others("");
  const dead = leases.filter((lease) => isDead(lease, clock));
  const living = leases.length - dead.length;
  const text =
    living === 0
      ? "no other process on this store"
      : `${living} other process${living === 1 ? "" : "es"} on this store`;
  if (dead.length === 0) return ok("processes", text);
  return warn(
    "processes",
    `${text}, ${dead.length} died and left things open`,
    'Run "bellhop sweep" to end their runs and send what they owed.',
  );
}
