import { createHash } from "node:crypto";

/**
 * An id made of what it stands for, so that whoever makes it again makes the same one.
 *
 * @returns A UUID of version 8. Source: RFC 9562, section 5.8.
 */
export function derivedId(...parts: readonly (string | number)[]): string {
  const hex = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
