import type { Delivery, DeliveryStatus } from "../../delivery/delivery.ts";
import type { DeliveryFilter, OutboxStore, ReplayProgress, Which } from "../../delivery/outbox-store.ts";
import type { PayloadKeys } from "../../delivery/payload-keys.ts";
import { claim } from "./claim.ts";
import { type Database, toJson } from "./database.ts";
import type { Enqueued } from "./enqueued.ts";
import { listHealth, prepareHealth, readHealth } from "./outbox-health.ts";
import { prepareJournal } from "./outbox-insert.ts";
import { readLost, readOverdue } from "./outbox-given-up.ts";
import { looks } from "./outbox-looks.ts";
import * as move from "./outbox-moves.ts";
import { narrowing } from "./outbox-narrowing.ts";
import { toDeliveries } from "./outbox-payloads.ts";
import { type DeliveryRow, toAttempt } from "./outbox-rows.ts";
import { readStats } from "./outbox-stats.ts";
import * as sql from "./outbox-statements.ts";
import { idRange, pageSize } from "./page.ts";
import type { Session } from "./session.ts";

const LISTS: Readonly<Record<Exclude<DeliveryStatus, "delivered">, typeof sql.LIST_QUEUED>> = {
  queued: sql.LIST_QUEUED,
  sending: sql.LIST_SENDING,
  dead: sql.LIST_DEAD,
  suppressed: sql.LIST_SUPPRESSED,
};

function list(db: Database, filter: DeliveryFilter): DeliveryRow[] {
  const { status = [], flowRunId } = filter;
  const { take, skip } = pageSize(filter);
  const statuses = toJson(status);
  const narrowed = narrowing(filter);
  if (flowRunId !== undefined) return db.all(sql.LIST_OF_RUN, ...narrowed, statuses, take, skip);
  const few = [...new Set(status)].filter((one) => one !== "delivered");
  if (status.length === 0 || few.length < new Set(status).size)
    return db.all(sql.LIST_NEWEST, ...narrowed, statuses, take, skip);
  // The undelivered are few among many: each status by its index, then merged.
  const rows = few.flatMap((one) => db.all(LISTS[one], ...narrowed, skip + take));
  return rows.sort((a, b) => b.seq - a.seq).slice(skip, skip + take);
}

function find(db: Database, idOrPart: string): DeliveryRow | null {
  const exact = db.get(sql.READ, idOrPart.toLowerCase());
  if (exact !== undefined) return exact;
  const range = idRange(idOrPart);
  const [first, second] = range === null ? [] : db.all(sql.FIND_BY_PART, range.from, range.to, range.like);
  return first !== undefined && second === undefined ? first : null;
}

/** Deliveries queued again in one transaction, so that a long replay never holds up who sends. */
const REPLAY_BATCH = 200;

function findGivenUp(db: Database, which: Which): readonly number[] {
  if ("ids" in which) return db.all(sql.SEQS_OF_IDS, toJson(which.ids)).map((row) => row.seq);
  const statuses = which.status ?? ["dead"];
  const found = statuses.flatMap((status) => db.all(sql.GIVEN_UP, ...narrowing(which), status));
  return found.map((row) => row.seq).toSorted((a, b) => a - b);
}

interface Replay {
  readonly which: Which;
  readonly nowMs: number;
  readonly onProgress: ((progress: ReplayProgress) => void) | undefined;
}

async function replay({ which, nowMs, onProgress }: Replay, { read, queue }: Session, enqueued: Enqueued) {
  const seqs = await read((db) => findGivenUp(db, which));
  let replayed = 0;
  let skipped = "ids" in which ? new Set(which.ids).size - seqs.length : 0;
  for (let from = 0; from < seqs.length; from += REPLAY_BATCH) {
    const batch = seqs.slice(from, from + REPLAY_BATCH);
    const destinations = await queue.submit(
      (db) => move.replay(db, batch, nowMs),
      (queued) => enqueued.tell(queued),
    );
    replayed += destinations.length;
    skipped += batch.length - destinations.length;
    onProgress?.({ replayed, skipped });
  }
  return replayed;
}

function changeHealth(db: Database, destination: string, change: Parameters<OutboxStore["changeHealth"]>[1]) {
  const stored = readHealth(db, destination);
  const changed = change(stored);
  if (changed === null) return { health: stored, queued: [] };
  prepareHealth(changed.health)(db);
  return { health: changed.health, queued: move.prepareNews(changed.news)(db) };
}

/** The moves of the dispatcher's side. */
function moves({ queue, clock }: Session, enqueued: Enqueued, keys: PayloadKeys | undefined) {
  const tell = (destinations: readonly string[]): void => enqueued.tell(destinations);
  return {
    claim: async (request) => {
      const { rows, isSuspect, nextDueAtMs } = await queue.submit((db) => claim(db, request));
      const claimed = await toDeliveries(rows, keys);
      const deliveries = isSuspect ? claimed.map((delivery) => ({ ...delivery, isSuspect })) : claimed;
      return { deliveries, nextDueAtMs };
    },

    begin: (id, leaseId) => {
      const nowMs = clock.now();
      return queue.submit((db) => db.run(sql.BEGIN, nowMs, id, leaseId) > 0);
    },

    settle: async (settlements, leaseId, health = []) => {
      if (settlements.length + health.length === 0) return;
      const batch = settlements.map(move.prepareSettlement);
      const healths = health.map(prepareHealth);
      await queue.submit((db) => {
        const destinations = batch.flatMap((prepared) => move.settle(db, prepared, leaseId));
        for (const write of healths) write(db);
        return destinations;
      }, tell);
    },

    release: async (ids, nextAttemptAtMs, leaseId) => {
      const request = { ids: [...ids], nextAttemptAtMs, leaseId, nowMs: clock.now() };
      if (ids.length > 0) await queue.submit((db) => move.release(db, request));
    },

    retire: async (ids, { also = [], ...end }, leaseId) => {
      const request = { ...end, ids: [...ids], leaseId, nowMs: clock.now() };
      const news = move.prepareNews({ also });
      if (ids.length > 0) await queue.submit((db) => (move.retire(db, request) ? news(db) : []), tell);
    },

    recover: async (leaseId, nowMs) => (await queue.submit((db) => move.recover(db, leaseId, nowMs), tell)).length,
    pause: (destination, untilMs) => queue.submit((db) => void db.run(sql.PAUSE, destination, Math.ceil(untilMs))),
    cancel: (ids) => {
      const [copy, nowMs] = [[...ids], clock.now()];
      return queue.submit((db) => move.cancel(db, copy, nowMs));
    },
    writeHealth: async (health, told = {}) => {
      const [write, news] = [prepareHealth(health), move.prepareNews(told)];
      await queue.submit((db) => (write(db), news(db)), tell);
    },
    changeHealth: async (destination, change) => {
      const { health } = await queue.submit(
        (db) => changeHealth(db, destination, change),
        ({ queued }) => tell(queued),
      );
      return health;
    },
  } satisfies Partial<OutboxStore>;
}

/** @param keys Absent: payloads are stored as they are. */
export function openOutboxStore(session: Session, enqueued: Enqueued, keys?: PayloadKeys): OutboxStore {
  const { queue, read, readCommitted } = session;
  const opened = async (rows: readonly DeliveryRow[]): Promise<Delivery[]> => toDeliveries(rows, keys);
  const firstOf = async (row: DeliveryRow | null | undefined): Promise<Delivery | null> =>
    row == null ? null : ((await opened([row]))[0] ?? null);
  return {
    ...moves(session, enqueued, keys),
    ...looks(session),
    due: () =>
      read((db) =>
        db.all(sql.DUE).map(({ destination, dueAtMs, pausedUntilMs }) => ({
          destination,
          dueAtMs: Math.max(dueAtMs, pausedUntilMs),
        })),
      ),
    journal: (delivery, attempt) => {
      // Written within 50 ms; until then there is a key, or nobody has one.
      void keys?.ready();
      queue.append(prepareJournal(delivery, attempt));
    },
    replay: (which, nowMs, onProgress) => replay({ which, nowMs, onProgress }, session, enqueued),

    overdue: async (request) => opened(await read((db) => db.snapshot(() => readOverdue(db, request)))),
    lost: async (destination, limit) => opened(await readCommitted((db) => readLost(db, destination, limit))),
    read: async (id) => firstOf(await read((db) => db.get(sql.READ, id))),
    readByKey: async (dedupKey) => firstOf(await read((db) => db.get(sql.READ_BY_KEY, dedupKey))),
    find: async (idOrPrefix) => firstOf(await read((db) => find(db, idOrPrefix))),
    list: async (filter = {}) => opened(await read((db) => db.snapshot(() => list(db, filter)))),
    attempts: (deliveryId) => read((db) => db.all(sql.ATTEMPTS, deliveryId).map(toAttempt)),
    readHealth: (destination) => readCommitted((db) => readHealth(db, destination)),
    listHealth: () => readCommitted(listHealth),
    stats: (options) => readStats(session, options),
    onEnqueued: (listener) => enqueued.listen(listener),
  };
}
