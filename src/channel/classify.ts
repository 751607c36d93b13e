import { BellhopError, messageOf } from "../base/errors.ts";
import type { ChannelResponse } from "./channel.ts";
import type { Outcome, Reason } from "./outcome.ts";

type Retry = Extract<Outcome, { kind: "retry" }>;
type Permanent = Extract<Outcome, { kind: "permanent" }>;

/** Attempts that a reason is worth whatever the profile allows: these mend themselves quickly or never. */
const MAX_DNS_ATTEMPTS = 3;
const MAX_PROXY_ATTEMPTS = 3;
const MAX_TLS_ATTEMPTS = 2;

/** Statuses whose meaning the class (4xx, 5xx) does not give. */
const BY_STATUS: Readonly<Record<number, Omit<Retry, "detail"> | Omit<Permanent, "detail">>> = {
  401: { kind: "permanent", reason: "auth" },
  402: { kind: "permanent", reason: "quota" },
  403: { kind: "permanent", reason: "forbidden" },
  404: { kind: "permanent", reason: "not-found" },
  407: { kind: "retry", reason: "proxy", ambiguous: false, maxAttempts: MAX_PROXY_ATTEMPTS },
  408: { kind: "retry", reason: "timeout", ambiguous: false },
  410: { kind: "permanent", reason: "gone", disableBlock: true },
  413: { kind: "permanent", reason: "too-large", degrade: "shrink" },
  421: { kind: "retry", reason: "server", ambiguous: false },
  423: { kind: "retry", reason: "server", ambiguous: false },
  425: { kind: "retry", reason: "server", ambiguous: false },
  429: { kind: "retry", reason: "rate-limited", scope: "block", ambiguous: false },
  451: { kind: "permanent", reason: "forbidden" },
};

/** What an HTTP answer means when the channel does not know better. */
export function classifyStatus(response: ChannelResponse): Outcome {
  const { status } = response;
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const detail = answerDetail(response);
  const known = BY_STATUS[status];
  if (known !== undefined) return { ...known, detail };
  if (status >= 500 && status < 600) return { kind: "retry", reason: "server", ambiguous: false, detail };
  if (status >= 300 && status < 400)
    return { kind: "permanent", reason: "redirect", detail: `Redirects are not followed; ${detail}` };
  if (status >= 400 && status < 500) return { kind: "permanent", reason: "invalid-payload", detail };
  return { kind: "permanent", reason: "unexpected-response", detail };
}

/** `HTTP 503: upstream down`. Not cut here: secrets in it are masked first, and half a secret is not recognised. */
function answerDetail({ status, text }: ChannelResponse): string {
  const excerpt = text.trim();
  return excerpt === "" ? `HTTP ${status}` : `HTTP ${status}: ${excerpt}`;
}

const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "INVALID_CA",
  "HOSTNAME_MISMATCH",
  "EPROTO",
]);
const isTlsCode = (code: string): boolean => CERTIFICATE_CODES.has(code) || /^(CERT_|ERR_TLS_|ERR_SSL_)/.test(code);

/** The connection was never there, so nothing can have been accepted. */
const UNREACHED_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "connect_timeout",
]);

const TIMEOUT_CODES: ReadonlySet<string> = new Set(["ETIMEDOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

/** Refusals of our own guard, and requests that no client would send. */
const REFUSALS: Readonly<Record<string, Reason>> = {
  blocked_address: "blocked-address",
  unsupported_scheme: "invalid-config",
  invalid_address: "invalid-config",
  ERR_INVALID_URL: "invalid-config",
  UND_ERR_INVALID_ARG: "invalid-config",
};

/**
 * What a failure without an answer means.
 *
 * @param written The request, or a part of it, had left: the provider may have accepted it.
 */
export function classifyError(error: unknown, written: boolean): Outcome {
  const { code, message } = rootOf(error);
  const refusal = REFUSALS[code];
  if (refusal !== undefined) return { kind: "permanent", reason: refusal, detail: message };
  const retry = (reason: Reason, detail: string, more: Partial<Retry> = {}): Outcome => {
    return { kind: "retry", reason, detail, ambiguous: written, ...more };
  };
  if (/^proxy (response|authentication)/i.test(message)) {
    return retry("proxy", message, { ambiguous: false, maxAttempts: MAX_PROXY_ATTEMPTS });
  }
  if (code === "ENOTFOUND" || code === "name_resolution_failed") {
    return retry("dns", "The host name has no address (ENOTFOUND)", {
      ambiguous: false,
      maxAttempts: MAX_DNS_ATTEMPTS,
    });
  }
  if (code === "EAI_AGAIN") return retry("dns", "The name service did not answer (EAI_AGAIN)", { ambiguous: false });
  if (isTlsCode(code)) return retry("tls", `TLS failed (${code})`, { ambiguous: false, maxAttempts: MAX_TLS_ATTEMPTS });
  if (UNREACHED_CODES.has(code)) return retry("network", `No connection (${code})`, { ambiguous: false });
  if (TIMEOUT_CODES.has(code)) return retry("timeout", `No answer in time (${code})`);
  return retry("network", code === "" ? message : `The connection broke (${code})`);
}

/** Deepest error that carries a code: clients wrap the real one, and several tried addresses come as a list. */
function rootOf(error: unknown, depth = 0): { readonly code: string; readonly message: string } {
  const own = { code: codeOf(error), message: messageOf(error) };
  if (!(error instanceof Error) || BellhopError.is(error) || depth > 5) return own;
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  if (inner === undefined || inner === null) return own;
  const root = rootOf(inner, depth + 1);
  return root.code === "" ? own : root;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
