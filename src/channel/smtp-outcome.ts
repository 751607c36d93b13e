import { BellhopError, messageOf } from "../base/errors.ts";
import { classifyError } from "./classify.ts";
import type { Outcome, Reason } from "./outcome.ts";

/** What nodemailer attaches to its errors. */
interface SmtpError extends Error {
  readonly code?: unknown;
  readonly responseCode?: unknown;
  readonly response?: unknown;
  /** True for a 5xx reply except 503, false for other replies, absent when there was none. */
  readonly permanent?: unknown;
  readonly originalCode?: unknown;
  readonly timeoutType?: unknown;
  /** One for each recipient that was refused. */
  readonly rejectedErrors?: unknown;
}

/** A server that answers 450 to strangers (greylisting) wants to be asked again after about a minute. Unit: milliseconds. */
const GREYLIST_DELAY_MS = 60_000;
const MAX_TLS_ATTEMPTS = 2;

const isSmtpError = (error: unknown): error is SmtpError => error instanceof Error;

/** Reply code of the server, when there was a reply. */
export const replyCodeOf = (error: unknown): number | null =>
  isSmtpError(error) && typeof error.responseCode === "number" ? error.responseCode : null;

/** The server's words, else the error's. Several lines become one later, after masking. */
function replyOf(error: unknown): string {
  if (isSmtpError(error) && typeof error.response === "string") return error.response.trim();
  return messageOf(error);
}

/**
 * What a failed mail means.
 *
 * @param written The message itself was being handed over: the server may have accepted it.
 */
export function classifySmtpError(error: unknown, written: boolean): Outcome {
  if (!isSmtpError(error) || BellhopError.is(error)) return classifyError(error, written);
  const detail = replyOf(error);
  const retry = (reason: Reason, ambiguous = false): Outcome => ({ kind: "retry", reason, detail, ambiguous });
  const permanent = (reason: Reason): Outcome => ({ kind: "permanent", reason, detail });
  switch (error.code) {
    case "EAUTH":
    case "ENOAUTH":
      return error.permanent === false
        ? retry("auth")
        : { kind: "permanent", reason: "auth", detail, disableBlock: true };
    case "EENVELOPE":
      return error.permanent === false
        ? { kind: "retry", reason: "server", detail, ambiguous: false, afterMs: GREYLIST_DELAY_MS }
        : permanent(envelopeReason(error));
    case "EMESSAGE":
      return error.permanent === false ? retry("server") : messageRefused(error, detail);
    case "EPROTOCOL":
      return error.permanent === true ? permanent("unexpected-response") : retry("server");
    case "ETLS":
      return { kind: "retry", reason: "tls", detail, ambiguous: false, maxAttempts: MAX_TLS_ATTEMPTS };
    case "ETIMEDOUT":
      return error.timeoutType === "UPGRADE_TIMEOUT"
        ? { kind: "retry", reason: "tls", detail, ambiguous: false, maxAttempts: MAX_TLS_ATTEMPTS }
        : retry("timeout", written);
    case "ECONNECTION":
      return error.permanent === true ? permanent("unexpected-response") : retry("network", written);
    case "ESTREAM":
    case "ECONFIG":
    case "EMAXRECIPIENTS":
    case "EREQUIRETLS":
      return permanent("invalid-config");
    case "EPROXY":
      return retry("proxy");
    case "EABORT":
      return retry("cancelled", written);
    default:
      return classifyError(systemError(error), written);
  }
}

/** No reply: an address that nodemailer itself refused. 5xx: the server knows no such mailbox, or refuses the sender. */
function envelopeReason({ responseCode, response }: SmtpError): Reason {
  if (typeof responseCode !== "number") return "invalid-config";
  if (responseCode === 530 || responseCode === 535) return "auth";
  return typeof response === "string" && /^5\d\d[ -]5\.1\.[0-6]\b|^55[01]\b/.test(response)
    ? "not-found"
    : "invalid-config";
}

/** 552 and 5.3.4 say "too big". Source: RFC 5321, section 4.2.3; RFC 3463, section 3.4. */
function messageRefused({ responseCode, response, message }: SmtpError, detail: string): Outcome {
  const tooBig =
    responseCode === 552 ||
    (typeof response === "string" && /\b5\.3\.4\b/.test(response)) ||
    /larger than allowed/.test(message);
  return tooBig
    ? { kind: "permanent", reason: "too-large", detail, degrade: "shrink" }
    : { kind: "permanent", reason: "invalid-payload", detail };
}

/** nodemailer puts its own code over the system's and keeps that one as `originalCode`. */
function systemError(error: SmtpError): Error {
  if (typeof error.originalCode !== "string") return error;
  return Object.assign(new Error(error.message), { code: error.originalCode });
}

interface SentInfo {
  readonly messageId: string;
  readonly serverMessageId?: unknown;
  readonly rejected: readonly unknown[];
  readonly rejectedErrors?: readonly Error[] | undefined;
}

interface Refusal {
  readonly recipient: string;
  readonly isForNow: boolean;
  readonly text: string;
}

function refusalOf(recipient: unknown, error: unknown): Refusal {
  const isForNow = isSmtpError(error) && error.permanent === false;
  const reply = error === undefined ? "" : `: ${replyOf(error)}`;
  const text = `${String(recipient)} was refused${isForNow ? " for now" : ""}${reply}`;
  return { recipient: String(recipient), isForNow, text };
}

/**
 * A server accepts a mail for some recipients and refuses others: delivered, with a warning for each refusal. Those
 * refused for now remain to be sent to.
 */
export function classifySent(info: SentInfo): Outcome {
  const providerId = typeof info.serverMessageId === "string" ? info.serverMessageId : info.messageId;
  const refusals = info.rejected.map((recipient, index) => refusalOf(recipient, info.rejectedErrors?.[index]));
  const targets = refusals.filter(({ isForNow }) => isForNow).map(({ recipient }) => recipient);
  return {
    kind: "delivered",
    providerId,
    ...(refusals.length === 0 ? {} : { warnings: refusals.map(({ text }) => `partial: ${text}`) }),
    ...(targets.length === 0 ? {} : { remaining: { targets, afterMs: GREYLIST_DELAY_MS } }),
  };
}

/**
 * What a mail comes to that was for the rest of its recipients alone, when the server refused every one of them for good;
 * undefined when it was something else that failed.
 */
export function classifyRefusedRest(error: unknown): Outcome | undefined {
  if (!isSmtpError(error) || error.code !== "EENVELOPE" || error.permanent !== true) return undefined;
  const { rejectedErrors } = error;
  if (!Array.isArray(rejectedErrors)) return undefined;
  const refusals = rejectedErrors.map((refusal: unknown) => refusalOf(recipientOf(refusal), refusal));
  if (refusals.length === 0 || refusals.some(({ isForNow }) => isForNow)) return undefined;
  return { kind: "permanent", reason: "partial", detail: refusals.map(({ text }) => text).join("; ") };
}

const recipientOf = (refusal: unknown): unknown =>
  refusal instanceof Error && "recipient" in refusal ? refusal.recipient : "a recipient";
