import { randomBytes, type KeyObject } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { errorCode, messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { killPoint } from "../base/kill-points.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import { type Sealer, vaultSealer } from "../block/sealer.ts";
import type { Vault } from "../block/vault.ts";
import { openPayload, PAYLOAD_KEY_BYTES, payloadKey, sealPayload } from "./payload-cipher.ts";

/** A data key as it is stored: sealed by the vault. */
export interface WrappedKey {
  readonly id: string;
  /** The vault's key that it is sealed with. */
  readonly kid: string;
  readonly createdAtMs: number;
  readonly wrapped: Uint8Array;
}

/** Where data keys are stored. A delivery names its key by the number given here. */
export interface PayloadKeyRows {
  newest(kid: string): Promise<(WrappedKey & { readonly key: number }) | null>;
  read(key: number): Promise<WrappedKey | null>;
  /** Resolves with the number of the key when it is durable. */
  insert(key: WrappedKey): Promise<number>;
}

/** A payload as it is stored. */
export interface SealedPayload {
  readonly key: number;
  readonly bytes: Uint8Array;
}

export interface PayloadKeyParts {
  readonly vault: () => Pick<Vault, "active" | "open">;
  readonly rows: PayloadKeyRows;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A key is used for new payloads this long, by every process on the store. */
const KEY_AGE_MS = 86_400_000;

/** A vault that gives no key is asked again after this. */
const ASK_AGAIN_MS = 60_000;

/** How long {@link PayloadKeys.ready} keeps its caller waiting, e.g. for a person who is asked to unlock the keychain. */
const LONGEST_WAIT_MS = 2_000;

/**
 * Seals stored payloads with data keys, which the vault seals in turn: sealing is part of a commit and cannot wait, and
 * the vault may have to ask the operating system. So the key is opened before, by {@link ready}.
 */
export class PayloadKeys {
  readonly #parts: PayloadKeyParts;
  readonly #opened = new Map<number, KeyObject>();
  readonly #problems = new Map<number, string>();
  #current: { readonly key: number; readonly secret: KeyObject; readonly untilMs: number } | undefined;
  #opening: Promise<void> | undefined;
  #askAgainMs = -Infinity;
  #hasWarned = false;

  constructor(parts: PayloadKeyParts) {
    this.#parts = parts;
  }

  /** Undefined when there is a key to seal with; else a promise for one. It never rejects and takes 2 s at most. */
  ready(): Promise<void> | undefined {
    const { clock } = this.#parts;
    if (this.#current !== undefined && clock.now() < this.#current.untilMs) return undefined;
    if (clock.monotonic() < this.#askAgainMs) return undefined;
    this.#opening ??= this.#openCurrent().finally(() => (this.#opening = undefined));
    return this.#withinPatience(this.#opening);
  }

  /** Null without a key: the payload is then stored as it is, which its missing key number shows. */
  seal(text: string, deliveryId: string): SealedPayload | null {
    const current = this.#current;
    if (current === undefined) return null;
    return { key: current.key, bytes: sealPayload(current.secret, text, deliveryId) };
  }

  /** Opens the keys of what is to be read; undefined when they all are open already. Never rejects. */
  load(keys: Iterable<number | null>): Promise<void> | undefined {
    const missing = [...new Set(keys)].filter((key): key is number => key !== null && !this.#opened.has(key));
    if (missing.length === 0) return undefined;
    return Promise.all(missing.map((key) => this.#load(key))).then(() => undefined);
  }

  /** The text, or why it cannot be had, for people. Its key was loaded before. */
  open({ key, bytes }: SealedPayload, deliveryId: string): { readonly text: string } | { readonly problem: string } {
    const secret = this.#opened.get(key);
    if (secret === undefined)
      return { problem: this.#problems.get(key) ?? "the key of the stored message is not open" };
    const text = openPayload(secret, bytes, deliveryId);
    return text === undefined ? { problem: "the stored message was changed, and cannot be opened" } : { text };
  }

  async #withinPatience(opening: Promise<void>): Promise<void> {
    const patience = Promise.withResolvers<void>();
    using _timer = this.#parts.clock.timer(LONGEST_WAIT_MS, () => patience.resolve(), { keepAlive: false });
    await Promise.race([opening, patience.promise]);
  }

  async #openCurrent(): Promise<void> {
    const { clock, log } = this.#parts;
    try {
      const { key, createdAtMs, secret } = (await this.#newest()) ?? (await this.#create());
      this.#opened.set(key, secret);
      this.#current = { key, secret, untilMs: createdAtMs + KEY_AGE_MS };
    } catch (error) {
      this.#askAgainMs = clock.monotonic() + ASK_AGAIN_MS;
      if (this.#hasWarned) return;
      this.#hasWarned = true;
      const fields = { code: errorCode(error), error: redact(messageOf(error)) };
      log.warn("messages wait in the store unencrypted, because there is no key", fields);
    }
  }

  async #newest(): Promise<{ key: number; createdAtMs: number; secret: KeyObject } | null> {
    const { vault, rows, clock } = this.#parts;
    const { kid } = await vault().active();
    const row = await rows.newest(kid);
    if (row === null || clock.now() >= row.createdAtMs + KEY_AGE_MS) return null;
    return { key: row.key, createdAtMs: row.createdAtMs, secret: await this.#unwrap(row) };
  }

  async #create(): Promise<{ key: number; createdAtMs: number; secret: KeyObject }> {
    const { vault, rows, clock } = this.#parts;
    const { kid } = await vault().active();
    const bytes = randomBytes(PAYLOAD_KEY_BYTES);
    const [id, createdAtMs] = [newId(), clock.now()];
    const wrapped = await this.#sealer().seal(bytes, boundTo(id));
    killPoint("payload-key:before");
    const key = await rows.insert({ id, kid, createdAtMs, wrapped });
    killPoint("payload-key:after");
    return { key, createdAtMs, secret: payloadKey(bytes) };
  }

  async #load(key: number): Promise<void> {
    try {
      const row = await this.#parts.rows.read(key);
      if (row === null) throw new Error("the key of the stored message is missing from the store");
      this.#opened.set(key, await this.#unwrap(row));
      this.#problems.delete(key);
    } catch (error) {
      this.#problems.set(key, redact(messageOf(error)));
    }
  }

  async #unwrap({ id, wrapped }: WrappedKey): Promise<KeyObject> {
    const bytes = await this.#sealer().open(wrapped, boundTo(id));
    if (bytes === undefined || bytes.length !== PAYLOAD_KEY_BYTES)
      throw new Error("the key of the stored message was changed, and cannot be opened");
    return payloadKey(bytes);
  }

  #sealer(): Sealer {
    return vaultSealer(this.#parts.vault());
  }
}

const boundTo = (id: string): string => `payload-key/${id}`;
