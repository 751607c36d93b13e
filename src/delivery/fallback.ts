import type { Message } from "../channel/message.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import { fromText } from "../templating/convert.ts";
import type { Dialect } from "../templating/dialect.ts";
import { fallbackKey } from "./dedup-keys.ts";
import type { Delivery, DeliveryReason } from "./delivery.ts";
import { asFallback, fallbackIn, isFallback } from "./payload.ts";

export interface GivenUp {
  readonly reason: DeliveryReason | null;
  readonly detail: string | null;
  /** It may have arrived all the same. */
  readonly uncertain: boolean;
}

interface FallbackParts {
  /** What the block of the delivery's destination names. */
  readonly fallback: string | undefined;
  readonly nowMs: number;
  readonly newId: () => string;
}

/**
 * The delivery to make in place of one that was given up; null when nobody named a destination for that case. It is made
 * once: what is sent in place of another message has no fallback, and a replay makes no second one.
 */
export function fallbackFor(delivery: Delivery, end: GivenUp, parts: FallbackParts): DeliveryRequest | null {
  const destination = fallbackIn(delivery.payload) ?? parts.fallback;
  if (destination === undefined || destination === delivery.destination) return null;
  if (isFallback(delivery.payload) || delivery.unreadable !== undefined) return null;
  const { id, subject, severity, flowRunId, taskRunId, stateId, payload } = delivery;
  return {
    id: parts.newId(),
    dedupKey: fallbackKey(id),
    destination,
    subject,
    severity,
    flowRunId,
    taskRunId,
    stateId,
    payload: asFallback(payload, noticeOf(delivery, end)),
    createdAtMs: parts.nowMs,
    expiresAtMs: null,
  };
}

const noticeOf = ({ destination }: Delivery, { reason, detail, uncertain }: GivenUp): string => {
  const why = [reason, detail].filter((part) => part !== null && part !== "").join(": ");
  const doubt = uncertain ? "It may have arrived there. " : "";
  return `Sent here because ${destination} did not take it. ${doubt}${why}`.trim();
};

const BODY_TAG = /<body\b[^>]*>/i;

/** The message with a line before its text. What the provider would show instead of the text is left out. */
export function withNotice(message: Message, notice: string, dialect: Dialect): Message {
  const { native: _native, html, ...rest } = message;
  const line = fromText(notice, dialect === "html" ? "text" : dialect);
  const body = rest.body === "" ? line : `${line}\n\n${rest.body}`;
  if (html === undefined) return { ...rest, body };
  const paragraph = fromText(notice, "html");
  const noticed = BODY_TAG.test(html)
    ? html.replace(BODY_TAG, (tag) => `${tag}\n${paragraph}`)
    : `${paragraph}\n${html}`;
  return { ...rest, body, html: noticed };
}
