import type { JsonValue } from "../base/json.ts";
import { holdsSecret, redact } from "../base/redactor.ts";
import { MASK } from "../base/secret.ts";

/** Names under which people keep what must not be shown. */
const SECRET_NAME =
  /(pass(word)?|secret|token|api[-_]?key|authorization|cookie|credential|private[-_]?key|dsn|connection[-_]?string)/i;

/** User name and password in front of a host. */
const USER_INFO = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#]{1,500}@/gi;

/** Masks known secrets, and the user part of URLs, which is often one that nobody registered. */
export const scrub = (text: string): string => redact(text.replace(USER_INFO, "$1"));

/** Scrubs every text of a JSON value, and masks whatever is kept under the name of a secret. */
export function scrubDeep(value: JsonValue): JsonValue {
  if (typeof value === "string") return scrub(value);
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map(scrubDeep);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      redact(key),
      SECRET_NAME.test(key) && item !== null ? MASK : scrubDeep(item),
    ]),
  );
}

/** Whether {@link scrub} would mask anything in a text of the value, or in a key: much quicker than masking it. */
export function needsScrub(value: JsonValue): boolean {
  if (typeof value === "string") return holdsSecret(value) || (value.includes("@") && scrub(value) !== value);
  if (typeof value !== "object" || value === null) return false;
  if (isList(value)) return value.some(needsScrub);
  for (const key in value) {
    if (holdsSecret(key) || needsScrub(value[key] ?? null)) return true;
  }
  return false;
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);
