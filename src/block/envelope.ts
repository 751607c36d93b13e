import {
  type CipherGCMTypes,
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomBytes,
} from "node:crypto";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { BlockReferenceRow } from "./block-store.ts";
import { compareCodePoints } from "./code-points.ts";
import { BlockTamperedError } from "./errors.ts";
import type { MasterKey } from "./vault.ts";

/** What a sealed document is bound to: with any of it changed, it does not open. */
export interface DocumentBinding {
  readonly documentId: string;
  readonly typeSlug: string;
  readonly documentName: string;
  readonly references: readonly BlockReferenceRow[];
}

/** Source of random bytes; tests give a counted one. */
export type RandomBytes = (size: number) => Buffer;

const CIPHER: CipherGCMTypes = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Values are padded to a multiple of this, so that the length of a short secret does not show. */
const PADDING_BYTES = 64;

/** A sealed document: its values under a key of their own, that key under the master key. */
export interface Envelope {
  readonly v: 1;
  readonly alg: "A256GCM";
  readonly kid: string;
  readonly dek: string;
  readonly fields: Readonly<Record<string, string>>;
}

const aad = (...parts: readonly JsonValue[]): Buffer => Buffer.from(JSON.stringify(parts), "utf8");

const fieldAad = ({ documentId, typeSlug }: DocumentBinding, field: string): Buffer =>
  aad("bellhop/field/v1", documentId, typeSlug, field);

function dekAad(binding: DocumentBinding, kid: string, fields: readonly string[]): Buffer {
  const references = binding.references.toSorted((a, b) => compareCodePoints(a.path, b.path));
  return aad(
    "bellhop/dek/v1",
    binding.documentId,
    binding.typeSlug,
    binding.documentName,
    kid,
    fields,
    references.map(({ path, referencedId }) => [path, referencedId]),
  );
}

function seal(key: KeyObject, plain: Buffer, bound: Buffer, random: RandomBytes): string {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(bound);
  const body = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return body.toString("base64url");
}

/** The content, or undefined when it does not authenticate. */
function unseal(key: KeyObject, sealed: string, bound: Buffer): Buffer | undefined {
  const blob = Buffer.from(sealed, "base64url");
  // Node would take a shorter tag, which is far easier to forge.
  if (blob.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, blob.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(bound);
  decipher.setAuthTag(blob.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(blob.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    // Node's "unable to authenticate data"; the caller reports what it means.
    return undefined;
  }
}

function padded(value: JsonValue): Buffer {
  const text = Buffer.from(JSON.stringify(value), "utf8");
  const size = Math.max(PADDING_BYTES, Math.ceil(text.length / PADDING_BYTES) * PADDING_BYTES);
  // JSON ignores white space after the value.
  const buffer = Buffer.alloc(size, " ");
  text.copy(buffer);
  text.fill(0);
  return buffer;
}

/**
 * Seals the values of a document: every field under a fresh key of this write, that key under the master key.
 *
 * @returns The envelope as JSON text.
 */
export function sealDocument(
  data: JsonObject,
  binding: DocumentBinding,
  key: MasterKey,
  random: RandomBytes = randomBytes,
): string {
  const names = Object.keys(data).toSorted(compareCodePoints);
  const dekBytes = random(KEY_BYTES);
  const dek = createSecretKey(dekBytes);
  const fields = names.map((name) => {
    const plain = padded(data[name] ?? null);
    const sealed = seal(dek, plain, fieldAad(binding, name), random);
    plain.fill(0);
    return [name, sealed] as const;
  });
  const wrapped = seal(key.kek, dekBytes, dekAad(binding, key.kid, names), random);
  dekBytes.fill(0);
  const envelope: Envelope = { v: 1, alg: "A256GCM", kid: key.kid, dek: wrapped, fields: Object.fromEntries(fields) };
  return JSON.stringify(envelope);
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== "object" || value === null) return false;
  // Looked at property by property below; the seals inside prove the rest.
  const { v, alg, kid, dek, fields } = value as Partial<Record<keyof Envelope, unknown>>;
  if (v !== 1 || alg !== "A256GCM" || typeof kid !== "string" || typeof dek !== "string") return false;
  return (
    typeof fields === "object" && fields !== null && Object.values(fields).every((blob) => typeof blob === "string")
  );
}

/** Reads what {@link sealDocument} wrote, still sealed. @throws block_tampered when it is no envelope. */
export function readEnvelope(text: string, documentId: string): Envelope {
  try {
    const parsed: unknown = JSON.parse(text);
    if (isEnvelope(parsed)) return parsed;
  } catch {
    // A SyntaxError: reported below like any other text that is not an envelope.
  }
  throw new BlockTamperedError({ documentId, field: "envelope", kid: "unknown" });
}

/**
 * Opens a sealed document with the key that its envelope names.
 *
 * @throws block_tampered when anything it is bound to differs; no partial data is given.
 */
export function openEnvelope(envelope: Envelope, binding: DocumentBinding, key: MasterKey): JsonObject {
  const { documentId } = binding;
  const tampered = (field: string): never => {
    throw new BlockTamperedError({ documentId, field, kid: key.kid });
  };
  const names = Object.keys(envelope.fields).toSorted(compareCodePoints);
  const dekBytes = unseal(key.kek, envelope.dek, dekAad(binding, envelope.kid, names));
  if (dekBytes === undefined || dekBytes.length !== KEY_BYTES) return tampered("document key");
  const dek = createSecretKey(dekBytes);
  dekBytes.fill(0);
  const data = names.map((name) => {
    const plain = unseal(dek, envelope.fields[name] ?? "", fieldAad(binding, name)) ?? tampered(name);
    // It authenticated, so it is what sealDocument wrote: one JSON value.
    const value = JSON.parse(plain.toString("utf8")) as JsonValue;
    plain.fill(0);
    return [name, value] as const;
  });
  return Object.fromEntries(data);
}
