import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import type { RandomBytes } from "./envelope.ts";
import type { Vault } from "./vault.ts";

/** Encrypts bytes that are stored. What is sealed opens only with the same `boundTo`. */
export interface Sealer {
  /** @throws encryption_key_unavailable, encryption_key_mismatch, keychain_unavailable */
  seal(plain: Uint8Array, boundTo: string): Promise<Uint8Array>;
  /** Undefined when the bytes, or what they are bound to, were changed. @throws as `seal` */
  open(sealed: Uint8Array, boundTo: string): Promise<Uint8Array | undefined>;
}

// version (1) | key id (8) | salt (32) | nonce (12) | content | tag (16)
const VERSION = 1;
const KID_BYTES = 8;
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const CIPHER = "aes-256-gcm";
const HEAD_BYTES = 1 + KID_BYTES + SALT_BYTES + NONCE_BYTES;
/** Content is padded to a multiple of this, so that the length of a short secret does not show. */
const PADDING_BYTES = 64;
const LENGTH_BYTES = 4;

/** A key for this one record: random nonces under one key would begin to repeat after some billions of records. */
function recordKey(kek: KeyObject, salt: Uint8Array): KeyObject {
  const bytes = Buffer.from(hkdfSync("sha256", kek, salt, "bellhop/sealed-record/v1", KEY_BYTES));
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

function padded(plain: Uint8Array): Buffer {
  const size = Math.ceil((LENGTH_BYTES + plain.length) / PADDING_BYTES) * PADDING_BYTES;
  const buffer = Buffer.alloc(size);
  buffer.writeUInt32LE(plain.length);
  buffer.set(plain, LENGTH_BYTES);
  return buffer;
}

/** A sealer with the keys of a vault; records name the key they were sealed with, so old ones open after a change. */
export function vaultSealer(vault: Pick<Vault, "active" | "open">, random: RandomBytes = randomBytes): Sealer {
  return {
    seal: async (plain, boundTo) => {
      const { kid, kek } = await vault.active();
      const salt = random(SALT_BYTES);
      const nonce = random(NONCE_BYTES);
      const head = Buffer.concat([Buffer.of(VERSION), Buffer.from(kid, "hex"), salt, nonce]);
      const cipher = createCipheriv(CIPHER, recordKey(kek, salt), nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.concat([head, Buffer.from(boundTo, "utf8")]));
      const content = padded(plain);
      const body = [head, cipher.update(content), cipher.final(), cipher.getAuthTag()];
      content.fill(0);
      return Buffer.concat(body);
    },

    open: async (sealed, boundTo) => {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (bytes.length < HEAD_BYTES + TAG_BYTES || bytes[0] !== VERSION) return undefined;
      const head = bytes.subarray(0, HEAD_BYTES);
      const { kek } = await vault.open(head.toString("hex", 1, 1 + KID_BYTES));
      const salt = head.subarray(1 + KID_BYTES, 1 + KID_BYTES + SALT_BYTES);
      const nonce = head.subarray(-NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, recordKey(kek, salt), nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.concat([head, Buffer.from(boundTo, "utf8")]));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        const content = Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES, -TAG_BYTES)), decipher.final()]);
        return content.subarray(LENGTH_BYTES, LENGTH_BYTES + content.readUInt32LE());
      } catch {
        // Node's "unable to authenticate data"; the caller reports what it means.
        return undefined;
      }
    },
  };
}
