import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Dialect } from "../templating/dialect.ts";
import type { Message } from "./message.ts";
import type { Outcome } from "./outcome.ts";

/** How a provider counts a limit. */
export interface Limit {
  readonly max: number;
  readonly unit: "utf16" | "codepoints" | "graphemes" | "bytes";
}

/** A limit in UTF-16 units, as most providers count characters. */
export const chars = (max: number): Limit => ({ max, unit: "utf16" });

/** A limit in bytes of UTF-8. */
export const bytes = (max: number): Limit => ({ max, unit: "bytes" });

export interface ChannelLimits {
  readonly title?: Limit;
  readonly body: Limit;
  /** Of each field's value; default: not cut. */
  readonly fieldValue?: Limit;
  /** Further fields are left out, last first; default: all are kept. */
  readonly maxFields?: number;
}

/** Retry behaviour by kind of channel. Source: `RETRY_PROFILES`. */
export type RetryProfileName = "chat" | "page" | "email" | "sms" | "webhook";

/**
 * What becomes of a message that may have arrived, because its request left and no answer came: sent again (it may then
 * arrive twice), given up for a person to decide, or taken for delivered.
 */
export type OnAmbiguous = "retry" | "park" | "assume-delivered";

/** Token bucket of a destination. Unit: messages. */
export interface RateLimit {
  readonly capacity: number;
  readonly refillPerSecond: number;
}

export type RequestBody =
  | { readonly type: "json"; readonly value: JsonValue }
  | { readonly type: "form"; readonly value: Readonly<Record<string, string>> }
  | { readonly type: "text"; readonly value: string; readonly contentType?: string }
  | { readonly type: "none" };

/** One HTTP request, as data. */
export interface HttpPlan {
  readonly executor: "http";
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: RequestBody;
  /** Total for the attempt; default 15,000, bounds 1,000 to 60,000. */
  readonly timeoutMs?: number;
  /** Default true in the library: loopback and private targets are allowed. */
  readonly allowPrivateUrls?: boolean;
  readonly tls?: {
    /** PEM certificates trusted besides the usual ones. */
    readonly ca?: string;
    /** Verify the server's certificate; default true. */
    readonly verify?: boolean;
  };
}

/** One post through the official Slack client. */
export interface SlackWebhookPlan {
  readonly executor: "slack-webhook";
  readonly url: string;
  readonly payload: JsonObject;
  readonly timeoutMs?: number;
  readonly allowPrivateUrls?: boolean;
}

/** One mail. */
export interface SmtpPlan {
  readonly executor: "smtp";
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly security: "starttls" | "tls" | "opportunistic" | "none";
    readonly auth?: { readonly user: string; readonly pass: string };
    /** Verify the server's certificate; default true. */
    readonly verify?: boolean;
    readonly allowPrivateUrls?: boolean;
  };
  readonly mail: {
    readonly from: string;
    readonly to: readonly string[];
    readonly cc?: readonly string[];
    readonly bcc?: readonly string[];
    /** Hand it over for these of the recipients alone, by bare address; the headers still name all. */
    readonly only?: readonly string[];
    readonly replyTo?: readonly string[];
    readonly subject: string;
    readonly text: string;
    readonly html?: string;
    /** The same on every attempt, so that receiving systems can drop duplicates. With angle brackets. */
    readonly messageId: string;
    /** Mails with the same key land in one thread; `References` and `In-Reply-To` are made from it. */
    readonly conversationKey?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly timeoutMs?: number;
}

/** Keep the message in the local store and show it; for development. */
export interface InboxPlan {
  readonly executor: "inbox";
  readonly title: string;
  readonly body: string;
}

export type RequestPlan = HttpPlan | SlackWebhookPlan | SmtpPlan | InboxPlan;

/** What came back, reduced to what `classify` may look at. */
export interface ChannelResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most 64 KiB. */
  readonly text: string;
  /** Parsed body when it is JSON. */
  readonly json?: JsonValue;
}

export interface BuildInput<Config> {
  readonly config: Config;
  readonly message: Message;
  /** Set on the second try after the provider refused the formatting or the size. */
  readonly degrade?: "plain" | "shrink";
}

/** A channel as data and pure functions: no I/O, no clock, no randomness in here. */
export interface ChannelDefinition<Config> {
  readonly dialect: Dialect;
  readonly limits: ChannelLimits;
  /** Template variants it can use, best first; default: the dialect's own chain. */
  readonly variants?: readonly string[];
  readonly rate?: RateLimit;
  readonly profile: RetryProfileName;
  /** Default: `park` for the profile `sms`, else `retry`. */
  readonly onAmbiguous?: OnAmbiguous;
  readonly build: (input: BuildInput<Config>) => RequestPlan;
  /** undefined: the default table decides. */
  readonly classify?: (response: ChannelResponse, plan: RequestPlan) => Outcome | undefined;
}
