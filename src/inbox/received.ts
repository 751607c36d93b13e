import type { JsonValue } from "../base/json.ts";

interface ReceivedBase {
  /** Order of arrival; 1 for the first. */
  readonly number: number;
  readonly receivedAtMs: number;
}

/** A request as it arrived. */
export interface ReceivedRequest extends ReceivedBase {
  /** `slack`: posted to a path of Slack's webhooks. */
  readonly channel: "slack" | "webhook";
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Body as sent. */
  readonly raw: string;
  /** Parsed body, when it is JSON. */
  readonly json?: JsonValue;
  /** What was answered; null when the connection was left hanging or cut. */
  readonly answered: number | null;
}

/** A mail as it arrived. */
export interface ReceivedMail extends ReceivedBase {
  readonly channel: "mail";
  /** Addresses given to the server; they decide who gets it, the headers do not. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  /** Login, when there was one. */
  readonly user: string | null;
  /** True when the connection was encrypted. */
  readonly secure: boolean;
  /** The whole message as sent. */
  readonly raw: string;
  readonly mail: {
    readonly from: string;
    readonly to: readonly string[];
    readonly subject: string;
    readonly text: string;
    readonly html: string | null;
    readonly messageId: string;
    /** Lower-case names; the last one of a name wins. */
    readonly headers: Readonly<Record<string, string>>;
  };
}

export type Received = ReceivedRequest | ReceivedMail;

/** How the next request is answered instead of the usual way. */
export type HttpAnswerScript =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Answered with 500 and everything that was sent, as careless error pages do. */
  | "echo"
  /** Never answered. */
  | "hang"
  /** The connection is cut after the request was read. */
  | "reset";

/** Where the next mail is refused, and how. `drop` cuts the connection instead. */
export interface MailAnswerScript {
  readonly at: "connect" | "auth" | "mail" | "rcpt" | "data";
  /** SMTP reply code; ignored by `drop`. */
  readonly code?: number;
  readonly text?: string;
  /** With `rcpt`: only this recipient is refused. */
  readonly recipient?: string;
  readonly drop?: boolean;
}
