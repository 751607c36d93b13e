import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomFillSync } from "node:crypto";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const PAYLOAD_KEY_BYTES = 32;

// Asking for 12 random bytes at a time costs as much as the encryption itself.
const pool = Buffer.alloc(NONCE_BYTES * 256);
let used = pool.length;

function nextNonce(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += NONCE_BYTES;
  return pool.subarray(used - NONCE_BYTES, used);
}

/** Takes the key over and wipes the bytes it came in. */
export function payloadKey(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/**
 * Encrypts a payload: nonce (12 bytes) | content | tag (16). It opens only as the payload of the same delivery.
 *
 * Random nonces are safe for 2^32 messages of one key (NIST SP 800-38D, section 8.3); keys are changed every day.
 */
export function sealPayload(key: KeyObject, text: string, deliveryId: string): Uint8Array {
  const nonce = nextNonce();
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(deliveryId, "utf8"));
  const content = cipher.update(text, "utf8");
  cipher.final();
  return Buffer.concat([nonce, content, cipher.getAuthTag()]);
}

/** Undefined when the bytes were changed, or belong to another delivery or key. */
export function openPayload(key: KeyObject, sealed: Uint8Array, deliveryId: string): string | undefined {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(deliveryId, "utf8"));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    // One call for the whole content, so that no character is cut in two.
    const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8");
    decipher.final();
    return text;
  } catch {
    // Node's "unable to authenticate data"; the caller reports what it means.
    return undefined;
  }
}
