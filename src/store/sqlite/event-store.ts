import type { EventStore } from "../../events/event-store.ts";
import { toJson } from "./database.ts";
import { LAST_EVENT, prepareEvent, READ_EVENTS, toEvent } from "./event-rows.ts";
import { pageSize } from "./page.ts";
import type { Session } from "./session.ts";

export const openEventStore = ({ queue, readCommitted }: Session): EventStore => ({
  append: async (events) => {
    if (events.length === 0) return;
    const works = events.map(prepareEvent);
    await queue.submit((db) => {
      for (const work of works) work(db);
    });
  },
  read: ({ afterSeq = 0, events = [], limit } = {}) =>
    readCommitted((db) =>
      db.all(READ_EVENTS, afterSeq, toJson(events), pageSize(limit === undefined ? {} : { limit }).take).map(toEvent),
    ),
  lastSeq: () => readCommitted((db) => db.get(LAST_EVENT)?.seq ?? 0),
});
