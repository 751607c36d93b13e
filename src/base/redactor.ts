import { createHash } from "node:crypto";
import type { JsonValue } from "./json.ts";
import { MASK } from "./secret.ts";

/** Shorter values are not masked: they occur in ordinary text. Unit: UTF-16 units. */
const SHORTEST = 5;
/** The path of a secret URL is masked by itself from this length on; shorter ones such as `/hook` are no secret. */
const SHORTEST_PATH = 16;
const DEFAULT_CAPACITY = 10_000;

export interface Redactor {
  /** Masks this value from now on, in all its written forms. Values under 5 characters are ignored. */
  register(value: string): void;
  redact(text: string): string;
  /** Masks this value no more. */
  forget(value: string): void;
  /** How many values are known. */
  readonly size: number;
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign: it is written as it is
  }
}

/** Every way in which the value is likely to be written somewhere. */
function formsOf(value: string): string[] {
  const base64 = Buffer.from(value, "utf8").toString("base64").replace(/=+$/, "");
  const raws = [value];
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value) && URL.canParse(value)) {
    const url = new URL(value);
    const tail = url.pathname + url.search;
    if (tail.length >= SHORTEST_PATH) raws.push(tail);
    // The part that is the credential may be quoted without the rest: `.../services/T0/B0/<token>`, `//user:<password>@`.
    raws.push(...url.pathname.split("/").filter((part) => part.length >= SHORTEST_PATH), decoded(url.password));
    // The parser may write the address differently (host in lower case, escapes added).
    if (url.href !== value) raws.push(url.href);
  }
  const written = raws.flatMap((raw) => [raw, encodeURIComponent(raw.toWellFormed()), JSON.stringify(raw).slice(1, -1)]);
  return [...written, base64, base64.replaceAll("+", "-").replaceAll("/", "_")];
}

/**
 * Replaces known secrets in text by the mask.
 *
 * @param capacity Most values kept; the least recently registered is forgotten first.
 */
export function createRedactor(capacity: number = DEFAULT_CAPACITY): Redactor {
  // Kept in order of last registration, oldest first.
  const known = new Map<string, readonly string[]>();
  let pattern: RegExp | undefined;

  const compile = (): RegExp => {
    const forms = [...new Set([...known.values()].flat())].filter((form) => form.length >= SHORTEST);
    // Longest first, so that a secret which contains another one is masked as a whole.
    forms.sort((a, b) => b.length - a.length);
    return new RegExp(forms.map(escapeRegExp).join("|"), "g");
  };

  return {
    get size() {
      return known.size;
    },
    forget: (value) => {
      if (known.delete(value)) pattern = undefined;
    },
    register(value) {
      if (value.length < SHORTEST || value === MASK) return;
      const forms = known.get(value);
      if (forms !== undefined) {
        known.delete(value);
        known.set(value, forms);
        return;
      }
      known.set(value, formsOf(value));
      pattern = undefined;
      const oldest = known.size > capacity ? known.keys().next().value : undefined;
      if (oldest !== undefined) known.delete(oldest);
    },
    redact(text) {
      if (known.size === 0 || text.length < SHORTEST) return text;
      pattern ??= compile();
      return text.replace(pattern, MASK);
    },
  };
}

const processWide = createRedactor();

/** Values masked for a while, and how many ask for it: secret parameters of the runs under way. */
const passing = createRedactor();
const askers = new Map<string, number>();

/** From here on a text is no ordinary word. Unit: UTF-16 units. */
const SHORTEST_PASSING = 8;

/** Masks these values until the result is disposed. Values under 8 characters are ignored: they may be ordinary words. */
export function maskWhile(values: readonly string[]): Disposable {
  const long = values.filter((value) => value.length >= SHORTEST_PASSING);
  for (const value of long) {
    askers.set(value, (askers.get(value) ?? 0) + 1);
    passing.register(value);
  }
  return {
    [Symbol.dispose]: () => {
      for (const value of long) {
        const left = (askers.get(value) ?? 1) - 1;
        if (left > 0) askers.set(value, left);
        else {
          askers.delete(value);
          passing.forget(value);
        }
      }
    },
  };
}

/** Masks this value in everything that passes {@link redact} from now on, in the whole process. */
export const registerSecret = (value: string): void => processWide.register(value);

/**
 * The text with every known secret masked: as it is, URL-encoded, JSON-escaped, base64 and base64url.
 * Logs, error details, records and rendered messages pass through here.
 */
export const redact = (text: string): string => passing.redact(processWide.redact(text));

/** Applies {@link redact} to all texts of a JSON value, keys included. */
export function redactDeep(value: JsonValue): JsonValue {
  if (typeof value === "string") return redact(value);
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map(redactDeep);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [redact(key), redactDeep(item)]));
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

/**
 * A URL as it may be shown: scheme, host, and a fingerprint that tells two addresses of one host apart.
 * The path and query of a webhook URL are a credential.
 */
export function redactUrl(url: string): string {
  const fingerprint = createHash("sha256").update(url).digest("hex").slice(0, 8);
  if (!URL.canParse(url)) return `(not a URL) (${fingerprint})`;
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}/… (${fingerprint})`;
}
