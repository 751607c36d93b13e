import { createHash } from "node:crypto";
import type { JsonObject, JsonValue } from "./json.ts";
import { MASK } from "./secret.ts";
import { secretForms, SHORTEST_SECRET } from "./secret-forms.ts";

const DEFAULT_CAPACITY = 10_000;

/** A stretch of a text. */
interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Redactor {
  /** Masks this value from now on, in all its written forms. Values under 5 characters are ignored. */
  register(value: string): void;
  redact(text: string): string;
  /** Whether a known value stands in the text. */
  knows(text: string): boolean;
  /** Adds to `found` where known values stand in the text, first one first; they may overlap. */
  find(text: string, found: Span[]): void;
  /** Masks this value no more. */
  forget(value: string): void;
  /** How many values are known. */
  readonly size: number;
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
      const start = form.slice(0, SHORTEST_SECRET);
      const bucket = buckets.get(start) ?? { forms: new Map<string, number>(), lengths: [] };
      buckets.set(start, bucket);
      bucket.forms.set(form, (bucket.forms.get(form) ?? 0) + 1);
      if (!bucket.lengths.includes(form.length)) bucket.lengths = lengthsOf(bucket.forms);
      filter[slotOf(form.charCodeAt(0), form.charCodeAt(1), form.charCodeAt(2))] = 1;
    },
    remove(form: string): void {
      const start = form.slice(0, SHORTEST_SECRET);
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
      const last = text.length - SHORTEST_SECRET;
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
      const bucket = buckets.get(text.slice(index, index + SHORTEST_SECRET));
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

  const redactor: Redactor = {
    forget,
    get size() {
      return known.size;
    },
    register(value) {
      if (value.length < SHORTEST_SECRET || value === MASK) return;
      const forms = known.get(value) ?? secretForms(value);
      if (!known.delete(value)) for (const form of forms) index.add(form);
      known.set(value, forms);
      const oldest = known.size > capacity ? known.keys().next().value : undefined;
      if (oldest !== undefined) forget(oldest);
    },
    redact: (text) => redactWith([redactor], text),
    knows(text) {
      if (known.size === 0) return false;
      for (let at = index.next(text, 0); at >= 0; at = index.next(text, at + 1)) {
        if (index.lengthAt(text, at) > 0) return true;
      }
      return false;
    },
    find(text, found) {
      if (known.size === 0) return;
      for (let at = index.next(text, 0); at >= 0; at = index.next(text, at + 1)) {
        const length = index.lengthAt(text, at);
        if (length > 0) found.push({ start: at, end: at + length });
      }
    },
  };
  return redactor;
}

/**
 * The text with every value masked that any of the redactors knows. They look at the same text: were one to mask first,
 * a secret of the next that shares some characters with it would no longer be recognised, and its rest would show.
 */
export function redactWith(redactors: readonly Redactor[], text: string): string {
  const found: Span[] = [];
  for (const redactor of redactors) redactor.find(text, found);
  if (found.length === 0) return text;
  let shown = "";
  let end = 0;
  for (const span of found.toSorted((a, b) => a.start - b.start)) {
    if (span.start >= end) shown += text.slice(end, span.start) + MASK;
    end = Math.max(end, span.end);
  }
  return shown + text.slice(end);
}

const processWide = createRedactor();

/** Values masked for a while, and how many ask for it: secret parameters of the runs under way. */
const passing = createRedactor();
const askers = new Map<string, number>();
const EVERYWHERE = [processWide, passing] as const;

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
 * The text with every known secret masked: as it is, URL-encoded, escaped for JSON, HTML or Slack, or inside base64.
 * Logs, error details, records and rendered messages pass through here.
 *
 * @param more Knows further secrets, of one block for instance.
 */
export const redact = (text: string, more?: Redactor): string =>
  redactWith(more === undefined ? EVERYWHERE : [...EVERYWHERE, more], text);

/** Whether {@link redact} would mask anything in the text. */
export const holdsSecret = (text: string): boolean => processWide.knows(text) || passing.knows(text);

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
