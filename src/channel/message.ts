import type { JsonValue } from "../base/json.ts";

export type Severity = "info" | "success" | "warning" | "error" | "critical";

/** One fact. Texts are in the channel's dialect, as the body is; for `html` they are plain. */
export interface MessageField {
  readonly name: string;
  readonly value: string;
  readonly short?: boolean;
}

export interface MessageLink {
  /** In the channel's dialect; for `html` plain. */
  readonly label: string;
  readonly url: string;
  readonly primary?: boolean;
}

/**
 * What a channel receives: text already rendered and escaped for the channel's dialect, and the facts around it.
 * Channels never see run context.
 */
export interface Message {
  /** UUIDv7 of the delivery; the same on every attempt, so receivers can drop duplicates. */
  readonly deliveryId: string;
  /** Messages about one subject share it, e.g. `flow-run/<id>`; mail threads by it. */
  readonly conversationKey: string | null;
  readonly severity: Severity;
  /** One line of plain text, unescaped. May be empty. */
  readonly title: string;
  /** Main text in the channel's dialect, escaped, within `limits.body`. */
  readonly body: string;
  /** HTML form, where the dialect is `html`; `body` is then its plain-text alternative. */
  readonly html?: string;
  /** Provider JSON from a `*.json.hbs` variant; wins over what `build` would make from title and body. */
  readonly native?: JsonValue;
  readonly fields: readonly MessageField[];
  readonly links: readonly MessageLink[];
  readonly tags: readonly string[];
  /** ISO 8601. */
  readonly occurredAt: string;
  /** Targets of the block that still lack the message, as `remaining` of an earlier outcome named them; default: all. */
  readonly only?: readonly string[];
  /** True when something was cut to fit the channel. */
  readonly truncated: boolean;
}
