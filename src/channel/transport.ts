import type { ChannelDefinition, RequestPlan } from "./channel.ts";
import type { Message } from "./message.ts";
import type { Outcome } from "./outcome.ts";

export interface SendRequest<Config> {
  readonly channel: ChannelDefinition<Config>;
  /** Parsed block values; secrets are `SecretValue`s. */
  readonly config: Config;
  readonly message: Message;
  /** For error texts and logs, e.g. `slack-webhook/ops`. */
  readonly label: string;
  readonly signal?: AbortSignal;
  /** Build it plainer or shorter from the start, because an earlier attempt was refused; it is not degraded again then. */
  readonly degrade?: "plain" | "shrink";
}

export interface SendResult {
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** HTTP status or SMTP reply code of the last answer. */
  readonly status: number | null;
  /** Set when it was sent plainer or shorter than it was made. */
  readonly degraded?: "plain" | "shrink";
}

/** The one way out of the process: HTTP, Slack and SMTP behind one guard, deadline, redaction and classification. */
export interface Transport extends AsyncDisposable {
  /** Builds, sends, classifies, and degrades once where the answer asks for it. Never throws for a failed send. */
  send<Config>(request: SendRequest<Config>): Promise<SendResult>;
  /** Builds without sending, with secrets masked; for previews. */
  plan<Config>(request: SendRequest<Config>): RequestPlan;
}
