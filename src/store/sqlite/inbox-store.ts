import type { InboxMessage, InboxStore } from "../../channel/inbox-store.ts";
import { plain, query } from "./database.ts";
import { pageSize } from "./page.ts";
import type { Session } from "./session.ts";

const KEEP = query<[id: string, inbox: string, receivedAtMs: number, title: string, body: string]>(
  "insert into inbox_messages (id, inbox, received_at_ms, title, body) values (?, ?, ?, ?, ?) on conflict (id) do nothing",
);

const COLUMNS = "id, inbox, title, body, received_at_ms as receivedAtMs";

/** Walks the primary key backwards. */
const LIST_ALL = query<[limit: number], InboxMessage>(
  `select ${COLUMNS} from inbox_messages order by key desc limit ?`,
);

/** Index inbox_messages_of_inbox, whose entries of one inbox are in the order of the key. */
const LIST_ONE = query<[inbox: string, limit: number], InboxMessage>(
  `select ${COLUMNS} from inbox_messages where inbox = ? order by key desc limit ?`,
);

const CLEAR_ALL = query<[]>("delete from inbox_messages");
const CLEAR_ONE = query<[inbox: string]>("delete from inbox_messages where inbox = ?");

export function openInboxStore({ queue, readCommitted }: Session): InboxStore {
  return {
    keep: ({ id, inbox, receivedAtMs, title, body }) =>
      queue.submit((db) => void db.run(KEEP, id, inbox, receivedAtMs, title, body)),

    list: ({ inbox, limit } = {}) =>
      readCommitted((db) => {
        const { take } = pageSize({ limit });
        const rows = inbox === undefined ? db.all(LIST_ALL, take) : db.all(LIST_ONE, inbox, take);
        return rows.map(plain);
      }),

    clear: (inbox) => queue.submit((db) => (inbox === undefined ? db.run(CLEAR_ALL) : db.run(CLEAR_ONE, inbox))),
  };
}
