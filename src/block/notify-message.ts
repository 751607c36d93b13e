import type { MessageField, MessageLink, Severity } from "../channel/message.ts";

/** One message, given in parts. Texts are in the channel's own markup, except `title`, which is one plain line. */
export interface NotifyMessage {
  readonly title?: string;
  readonly body?: string;
  /** Default `info`. */
  readonly severity?: Severity;
  readonly fields?: readonly MessageField[];
  readonly links?: readonly MessageLink[];
  /** Ends the attempt early; the call then rejects with reason `cancelled`. */
  readonly signal?: AbortSignal;
}
