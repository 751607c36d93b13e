import { createSecretKey, hkdfSync, randomBytes } from "node:crypto";
import { registerSecret } from "../base/redactor.ts";
import { InvalidEncryptionKeyError } from "../block/errors.ts";
import type { MasterKey } from "../block/vault.ts";

const KEY_BYTES = 32;

const derived = (key: Buffer, info: string, bytes: number): Buffer =>
  Buffer.from(hkdfSync("sha256", key, Buffer.alloc(0), info, bytes));

/** The key-encryption key and the id that belong to a master key. The bytes are wiped. */
export function toMasterKey(bytes: Buffer, source: MasterKey["source"]): MasterKey {
  const kid = derived(bytes, "bellhop/block-store/kid/v1", 8).toString("hex");
  const kekBytes = derived(bytes, "bellhop/block-store/kek/v1", KEY_BYTES);
  const kek = createSecretKey(kekBytes);
  kekBytes.fill(0);
  bytes.fill(0);
  return { kid, kek, source };
}

/** A new random key as text, in the form that files and keychains hold. */
export function generateKeyText(): string {
  const text = randomBytes(KEY_BYTES).toString("base64");
  registerSecret(text);
  return text;
}

/**
 * Reads one key: base64, base64url or 64 hex digits of 32 bytes.
 *
 * @param place Where it came from, for errors; never the key itself.
 * @throws encryption_key_invalid
 */
function parseKey(text: string, source: MasterKey["source"], place: string): MasterKey {
  registerSecret(text);
  const hex = /^[0-9a-f]{64}$/i.test(text);
  if (!hex && !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) {
    throw new InvalidEncryptionKeyError({ source: place, problem: "it is neither base64 nor hexadecimal" });
  }
  const bytes = Buffer.from(text, hex ? "hex" : "base64");
  if (bytes.length !== KEY_BYTES) {
    throw new InvalidEncryptionKeyError({
      source: place,
      problem: `it has ${bytes.length} bytes instead of ${KEY_BYTES}`,
    });
  }
  if (bytes.every((byte) => byte === bytes[0])) {
    throw new InvalidEncryptionKeyError({ source: place, problem: "all its bytes are equal" });
  }
  return toMasterKey(bytes, source);
}

/** Reads one or more keys, separated by commas, newest first. @throws encryption_key_invalid */
export function parseKeys(text: string, source: MasterKey["source"], place: string): MasterKey[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.every((part) => part === ""))
    throw new InvalidEncryptionKeyError({ source: place, problem: "it is empty" });
  return parts.filter((part) => part !== "").map((part) => parseKey(part, source, place));
}
