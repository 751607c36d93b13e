export interface InboxMessage {
  readonly id: string;
  /** Block reference of the inbox it went to. */
  readonly inbox: string;
  readonly title: string;
  readonly body: string;
  readonly receivedAtMs: number;
}

/** Where the development channel `inbox` keeps what it receives. */
export interface InboxStore {
  keep(message: InboxMessage): Promise<void>;
  /** Newest first; default 50, at most 200. */
  list(filter?: { readonly inbox?: string; readonly limit?: number }): Promise<InboxMessage[]>;
  clear(inbox?: string): Promise<number>;
}
