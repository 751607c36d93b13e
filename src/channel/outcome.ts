/** Why an attempt did not deliver. One closed list for retry rules, records, logs and metrics. */
export type Reason =
  | "auth"
  | "forbidden"
  | "not-found"
  | "gone"
  | "invalid-config"
  | "invalid-payload"
  | "too-large"
  | "format"
  | "rate-limited"
  | "quota"
  | "server"
  | "timeout"
  | "network"
  | "dns"
  | "tls"
  | "proxy"
  | "blocked-address"
  | "redirect"
  | "cancelled"
  | "partial"
  | "unexpected-response"
  | "key-unavailable"
  /** The process that was sending ended without recording a result. */
  | "process-ended";

/** How far a rate limit reaches. */
export type RateScope = "target" | "block" | "credential" | "host";

/** Targets that the provider refused for now, while it took the message for others. */
export interface Remaining {
  /** As the channel is given them in `Message.only` on the next attempt. */
  readonly targets: readonly string[];
  /** Shortest wait before that, milliseconds. */
  readonly afterMs: number;
}

/** What an attempt came to. A failed send is an expected value, never an exception. */
export type Outcome =
  | {
      readonly kind: "delivered";
      readonly providerId?: string;
      readonly warnings?: readonly string[];
      /** Only these are tried again; the others have the message. */
      readonly remaining?: Remaining;
    }
  | {
      readonly kind: "retry";
      readonly reason: Reason;
      /** For people; redacted, at most 500 characters. */
      readonly detail: string;
      /** Delay the provider asked for, milliseconds from now. */
      readonly afterMs?: number;
      readonly scope?: RateScope;
      /** The provider may have accepted the message: the request left and no answer came. */
      readonly ambiguous: boolean;
      /** Most attempts this reason is worth, whatever the profile allows (DNS 3, TLS 2). */
      readonly maxAttempts?: number;
    }
  | {
      readonly kind: "permanent";
      /** `partial`: every target that was left is refused for good, and the others have the message. */
      readonly reason: Reason;
      readonly detail: string;
      /** Stop using the block until a person or a successful test clears it. */
      readonly disableBlock?: boolean;
      /** Rebuild once, plainer or shorter, instead of dropping. */
      readonly degrade?: "plain" | "shrink";
    };
