import { createHash } from "node:crypto";
import type { JsonObject, JsonValue } from "./json.ts";
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

/** The text without URL escapes, or as it is when they are not well formed. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a URIError
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
  const written = raws.flatMap((raw) => [
    raw,
    encodeURIComponent(raw.toWellFormed()),
    JSON.stringify(raw).slice(1, -1),
  ]);
  return [...new Set([...written, base64, base64.replaceAll("+", "-").replaceAll("/", "_")])];
}

/** Forms that begin alike: how many values have each form, and how many forms have each length. */
interface Bucket {
  readonly forms: Map<string, number>;
  /** Longest first, so that a secret which contains another one is masked as a whole. */
  lengths: readonly number[];
}

/** Size of the table that tells most positions of a text apart from the beginning of a secret. */
const FILTER_SIZE = 65_536;

const slotOf = (first: number, second: number, third: number): number =>
  (Math.imul(first, 961) + Math.imul(second, 31) + third) & (FILTER_SIZE - 1);

const lengthsOf = (forms: ReadonlyMap<string, number>): number[] =>
  [...new Set([...forms.keys()].map((form) => form.length))].toSorted((a, b) => b - a);

/**
 * Finds any of many texts at one position. Adding one is cheap however many there are: a regular expression over
 * 10,000 webhook URLs takes 0.4 s to compile, and would be compiled anew after each block that a hub loads.
 */
function formIndex() {
  const filter = new Uint8Array(FILTER_SIZE);
  const buckets = new Map<string, Bucket>();
  return {
    add(form: string): void {
      const start = form.slice(0, SHORTEST);
      const bucket = buckets.get(start) ?? { forms: new Map<string, number>(), lengths: [] };
      buckets.set(start, bucket);
      bucket.forms.set(form, (bucket.forms.get(form) ?? 0) + 1);
      if (!bucket.lengths.includes(form.length)) bucket.lengths = lengthsOf(bucket.forms);
      filter[slotOf(form.charCodeAt(0), form.charCodeAt(1), form.charCodeAt(2))] = 1;
    },
    remove(form: string): void {
      const start = form.slice(0, SHORTEST);
      const bucket = buckets.get(start);
      const count = bucket?.forms.get(form);
      if (bucket === undefined || count === undefined) return;
      if (count > 1) bucket.forms.set(form, count - 1);
      else bucket.forms.delete(form);
      bucket.lengths = lengthsOf(bucket.forms);
      // Its mark in the filter stays: another form may share it, and a wrong mark costs a look-up, nothing more.
      if (bucket.forms.size === 0) buckets.delete(start);
    },
    /** The first position from `from` on where a form may begin; -1 when there is none. */
    next(text: string, from: number): number {
      const last = text.length - SHORTEST;
      if (from > last) return -1;
      // The slot moves along with the position: each character is read once.
      let [first, second] = [text.charCodeAt(from), text.charCodeAt(from + 1)];
      for (let at = from; at <= last; at += 1) {
        const third = text.charCodeAt(at + 2);
        if (filter[slotOf(first, second, third)] === 1) return at;
        first = second;
        second = third;
      }
      return -1;
    },
    /** Length of the longest form that begins here; 0 when none does. */
    lengthAt(text: string, index: number): number {
      const bucket = buckets.get(text.slice(index, index + SHORTEST));
      return bucket?.lengths.find((length) => bucket.forms.has(text.slice(index, index + length))) ?? 0;
    },
  };
}

/**
 * Replaces known secrets in text by the mask.
 *
 * @param capacity Most values kept; the least recently registered is forgotten first.
 */
export function createRedactor(capacity: number = DEFAULT_CAPACITY): Redactor {
  // Kept in order of last registration, oldest first.
  const known = new Map<string, readonly string[]>();
  const index = formIndex();

  const forget = (value: string): void => {
    for (const form of known.get(value) ?? []) index.remove(form);
    known.delete(value);
  };

  return {
    forget,
    get size() {
      return known.size;
    },
    register(value) {
      if (value.length < SHORTEST || value === MASK) return;
      const forms = known.get(value) ?? formsOf(value).filter((form) => form.length >= SHORTEST);
      if (!known.delete(value)) for (const form of forms) index.add(form);
      known.set(value, forms);
      const oldest = known.size > capacity ? known.keys().next().value : undefined;
      if (oldest !== undefined) forget(oldest);
    },
    redact(text) {
      if (known.size === 0) return text;
      let shown = "";
      let from = 0;
      for (let at = index.next(text, 0); at >= 0;) {
        const length = index.lengthAt(text, at);
        if (length > 0) {
          shown += text.slice(from, at) + MASK;
          from = at + length;
        }
        at = index.next(text, at + Math.max(1, length));
      }
      return from === 0 ? text : shown + text.slice(from);
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

/** Applies {@link redact} to all texts of an object, keys included. */
export const redactObject = (value: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [redact(key), redactDeep(item)]));

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
