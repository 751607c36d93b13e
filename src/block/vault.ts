import type { KeyObject } from "node:crypto";

/** A master key, as the key-encryption key derived from it. The key itself never leaves `src/vault`. */
export interface MasterKey {
  /** 16 hex digits that name the key without revealing anything of it. */
  readonly kid: string;
  /** Key-encryption key, AES-256. */
  readonly kek: KeyObject;
  readonly source: "env" | "env_file" | "keychain" | "file";
}

/** Gives the keys that seal and open documents. */
export interface Vault {
  /**
   * The active key; made on first use of an embedded store.
   * @throws encryption_key_unavailable, encryption_key_mismatch, keychain_unavailable
   */
  active(): Promise<MasterKey>;
  /** The key with this id. @throws encryption_key_unavailable */
  open(kid: string): Promise<MasterKey>;
  /** For `doctor`: where the key comes from, without making one. */
  status(): Promise<VaultStatus>;
}

export interface VaultStatus {
  readonly state: "ready" | "locked" | "empty";
  readonly kid: string | null;
  readonly source: MasterKey["source"] | null;
  /** One line per place looked at. */
  readonly notes: readonly string[];
}
