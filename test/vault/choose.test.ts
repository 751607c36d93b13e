import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogFields, Logger } from "../../src/base/logger.ts";
import type { KeyRow } from "../../src/block/block-store.ts";
import { KeychainUnavailableError } from "../../src/block/errors.ts";
import { openVault } from "../../src/vault/choose.ts";
import type { Keychain } from "../../src/vault/keychain.ts";
import type { VaultConfig } from "../../src/vault/places.ts";
import { generateKeyText, parseKeys } from "../../src/vault/master-key.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { rejected } from "../support/coded.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bellhop-vault-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** The key table of a store: the first to activate a key wins. */
class KeyTable {
  rows: KeyRow[] = [];
  storeId = () => Promise.resolve("store-1");
  readKeys = () => Promise.resolve([...this.rows]);
  activateKey = (key: KeyRow) => {
    const active = this.rows.find(({ state }) => state === "active") ?? key;
    if (active === key) this.rows.push(key);
    return Promise.resolve(active);
  };
}

class FakeKeychain implements Keychain {
  readonly entries = new Map<string, string>();
  calls = 0;
  failure: string | undefined;
  get = (account: string): Promise<string | null> => this.#answer(() => this.entries.get(account) ?? null);
  set = (account: string, password: string): Promise<void> =>
    this.#answer(() => void this.entries.set(account, password));
  #answer<T>(fn: () => T): Promise<T> {
    this.calls += 1;
    return this.failure === undefined
      ? Promise.resolve(fn())
      : Promise.reject(new KeychainUnavailableError({ problem: this.failure }));
  }
}

class KeptLog implements Logger {
  readonly lines: string[] = [];
  debug = () => undefined;
  info = (message: string, fields?: LogFields) => this.#keep("info", message, fields);
  warn = (message: string, fields?: LogFields) => this.#keep("warn", message, fields);
  error = (message: string, fields?: LogFields) => this.#keep("error", message, fields);
  #keep(level: string, message: string, fields: LogFields = {}): void {
    this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  }
}

const kidOf = (text: string): string => parseKeys(text, "env", "test")[0]?.kid ?? "";
const KEY = generateKeyText();
const OTHER = generateKeyText();

function setUp(config: Partial<VaultConfig> = {}) {
  const table = new KeyTable();
  const keychain = new FakeKeychain();
  const log = new KeptLog();
  const clock = new ManualClock();
  const open = (more: Partial<VaultConfig> = {}) =>
    openVault({
      config: { home, keychain: "auto", allowInsecureKeyFile: false, ci: false, ...config, ...more },
      blocks: table,
      log,
      clock,
      keychain,
    });
  return { table, keychain, log, clock, open, vault: open() };
}

const keyFile = () => join(home, "encryption.key");
const writeKeyFile = (text: string) => writeFileSync(keyFile(), text, { mode: 0o600 });
const ACCOUNT = "block-store:store-1";

describe("a key file that is there and cannot be read", () => {
  it.each([
    { what: "a link that leads nowhere", make: () => symlinkSync(join(home, "not-mounted", "key"), keyFile()) },
    { what: "a folder", make: () => mkdirSync(keyFile(), { mode: 0o700 }) },
  ])("is an error and not taken for none when it is $what", async ({ make }) => {
    make();
    const { vault, table } = setUp({ keychain: "off" });

    expect(await rejected(vault.active())).toMatchObject({ code: "encryption_key_invalid" });
    expect((await vault.status()).notes.join()).toContain("encryption.key");
    expect(table.rows).toEqual([]);
    expect(existsSync(join(home, "not-mounted"))).toBe(false);
  });
});

describe("a new store", () => {
  it("takes the first of the keys that the environment gives, and asks no other place", async () => {
    const { vault, table, keychain } = setUp({ encryptionKey: `${KEY},${OTHER}` });
    keychain.entries.set(ACCOUNT, OTHER);
    writeKeyFile(OTHER);

    expect(await vault.active()).toMatchObject({ kid: kidOf(KEY), source: "env" });
    expect(table.rows).toEqual([{ kid: kidOf(KEY), state: "active", source: "env" }]);
    expect(keychain.calls).toBe(0);
  });

  it("takes the key of the named file", async () => {
    const path = join(home, "mounted-secret");
    writeFileSync(path, `${KEY}\n`);

    expect(await setUp({ encryptionKeyFile: path }).vault.active()).toMatchObject({
      kid: kidOf(KEY),
      source: "env_file",
    });
  });

  it("refuses a named file that cannot be read, instead of making a key", async () => {
    const { vault, table } = setUp({ encryptionKeyFile: join(home, "missing") });

    expect(await rejected(vault.active())).toMatchObject({
      code: "encryption_key_invalid",
      message: expect.stringContaining("ENOENT"),
    });
    expect(table.rows).toEqual([]);
  });

  it("takes an existing keychain entry before an existing key file", async () => {
    const { vault, keychain } = setUp();
    keychain.entries.set(ACCOUNT, KEY);
    writeKeyFile(OTHER);

    expect(await vault.active()).toMatchObject({ kid: kidOf(KEY), source: "keychain" });
  });

  it("takes an existing key file", async () => {
    const { vault, table } = setUp();
    writeKeyFile(KEY);

    expect(await vault.active()).toMatchObject({ kid: kidOf(KEY), source: "file" });
    expect(table.rows[0]?.source).toBe("file");
  });

  it("makes a key in the keychain, and leaves nothing of it on disk", async () => {
    const { vault, table, keychain, log } = setUp();

    const key = await vault.active();

    expect(key.source).toBe("keychain");
    expect(kidOf(keychain.entries.get(ACCOUNT) ?? "")).toBe(key.kid);
    expect(table.rows).toEqual([{ kid: key.kid, state: "active", source: "keychain" }]);
    expect(readdirSync(home)).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  it("makes a key file for its owner only where the keychain cannot be used, and says so once", async () => {
    const { vault, keychain, log, open } = setUp({ home: join(home, "new-home") });
    keychain.failure = "no Secret Service";

    const key = await vault.active();
    await open().active();

    expect(key.source).toBe("file");
    const path = join(home, "new-home", "encryption.key");
    expect(kidOf(readFileSync(path, "utf8"))).toBe(key.kid);
    // Windows has no such bits.
    expect(process.platform === "win32" ? 0o600 : statSync(path).mode & 0o777).toBe(0o600);
    expect(log.lines).toEqual([expect.stringContaining("warn no usable keychain")]);
  });

  it("makes a key file without asking the keychain where that is off, also by default under CI", async () => {
    for (const config of [{ keychain: "off" }, { keychain: null, ci: true }] as const) {
      const { vault, keychain, log } = setUp(config);

      expect((await vault.active()).source).toBe("file");
      expect(keychain.calls).toBe(0);
      expect(log.lines.filter((line) => line.startsWith("warn"))).toEqual([]);
    }
  });

  it("makes nothing where a required keychain cannot be used", async () => {
    const { vault, table, keychain } = setUp({ keychain: "required" });
    keychain.failure = "no Secret Service";

    expect(await rejected(vault.active())).toMatchObject({
      code: "keychain_unavailable",
      message: expect.stringContaining("no Secret Service"),
    });
    expect(table.rows).toEqual([]);
    expect(existsSync(keyFile())).toBe(false);
  });

  it("falls back to a file when the keychain does not keep the key", async () => {
    const { vault, keychain } = setUp();
    keychain.set = () => Promise.reject(new KeychainUnavailableError({ problem: "it did not keep the value" }));

    expect((await vault.active()).source).toBe("file");
    expect(readdirSync(home)).toEqual(["encryption.key"]);
  });

  it("ends up with one key however many processes start on it at once", async () => {
    for (const failure of [undefined, "none"]) {
      const { open, keychain, table } = setUp({ home: join(home, String(failure)) });
      keychain.failure = failure;

      const kids = await Promise.all(Array.from({ length: 8 }, async () => (await open().active()).kid));

      expect(new Set(kids).size).toBe(1);
      expect(table.rows).toHaveLength(1);
      expect((await open().active()).kid).toBe(kids[0]);
    }
  });

  it("goes on with the key of a start that died before it was recorded", async () => {
    const { vault, keychain } = setUp();
    writeFileSync(join(home, "encryption.key.new"), KEY, { mode: 0o600 });

    expect((await vault.active()).kid).toBe(kidOf(KEY));
    expect(keychain.entries.get(ACCOUNT)).toBe(KEY);
    expect(readdirSync(home)).toEqual([]);
  });
});

describe("a store with a key", () => {
  const active = (table: KeyTable, text: string, source: string): void =>
    void table.rows.push({ kid: kidOf(text), state: "active", source });

  it("is ready when any given key has its id", async () => {
    const { vault, table, keychain } = setUp({ encryptionKey: `${OTHER},${KEY}` });
    active(table, KEY, "env");

    expect((await vault.active()).kid).toBe(kidOf(KEY));
    expect((await vault.open(kidOf(OTHER))).kid).toBe(kidOf(OTHER));
    expect(keychain.calls).toBe(0);
  });

  it("does not touch the keychain when its key came from a file", async () => {
    const { vault, table, keychain } = setUp();
    active(table, KEY, "file");
    writeKeyFile(KEY);

    expect((await vault.active()).source).toBe("file");
    expect(keychain.calls).toBe(0);
  });

  it("is locked when the given keys contradict it, though another place has the right one", async () => {
    const { vault, table } = setUp({ encryptionKey: OTHER });
    active(table, KEY, "file");
    writeKeyFile(KEY);

    const error = await rejected(vault.active());
    expect(error).toMatchObject({ code: "encryption_key_mismatch", name: "BlockKeyUnavailableError" });
    expect(error.hint).toContain(kidOf(OTHER));
  });

  it("is locked when nothing has its key, and says where it was looked for", async () => {
    const { vault, table, keychain } = setUp();
    active(table, KEY, "keychain");
    keychain.failure = "no answer in 5 s, it may be locked";
    writeKeyFile(OTHER);

    const error = await rejected(vault.open(kidOf(KEY)));

    expect(error.code).toBe("encryption_key_unavailable");
    expect(error.hint).toContain("it may be locked");
    expect(error.hint).toContain(`encryption.key: ${kidOf(OTHER)}`);
    expect(table.rows).toHaveLength(1);
  });

  it("never takes a keychain that does not answer for an empty one", async () => {
    const { vault, table, keychain } = setUp();
    active(table, KEY, "keychain");
    keychain.entries.set(ACCOUNT, KEY);
    keychain.failure = "locked";

    expect((await rejected(vault.active())).code).toBe("encryption_key_unavailable");
    expect(keychain.entries.get(ACCOUNT)).toBe(KEY);
    expect(existsSync(keyFile())).toBe(false);
  });

  it("searches once for many, and again after a second", async () => {
    const { vault, table, keychain, clock } = setUp();
    active(table, KEY, "keychain");
    keychain.failure = "locked";

    await Promise.all(Array.from({ length: 20 }, () => rejected(vault.open(kidOf(KEY)))));
    await rejected(vault.open(kidOf(KEY)));
    expect(keychain.calls).toBe(1);

    keychain.failure = undefined;
    keychain.entries.set(ACCOUNT, KEY);
    await clock.advance(1_001);
    expect((await vault.open(kidOf(KEY))).kid).toBe(kidOf(KEY));
  });

  it.skipIf(process.platform === "win32")(
    "refuses a key file that others can read, unless that is allowed",
    async () => {
      const { vault, table, open, log } = setUp();
      active(table, KEY, "file");
      writeKeyFile(KEY);
      chmodSync(keyFile(), 0o644);

      expect(await rejected(vault.active())).toMatchObject({
        code: "encryption_key_invalid",
        message: expect.stringContaining("chmod 600"),
      });
      expect((await open({ allowInsecureKeyFile: true }).active()).kid).toBe(kidOf(KEY));
      expect(log.lines).toEqual([expect.stringContaining("can be read by others")]);
    },
  );
});

describe("status()", () => {
  it("tells where the key comes from and makes none", async () => {
    const { vault, table, keychain } = setUp();

    expect(await vault.status()).toMatchObject({ state: "empty", kid: null, source: null });
    expect(keychain.entries.size).toBe(0);
    expect(readdirSync(home)).toEqual([]);

    table.rows.push({ kid: kidOf(KEY), state: "active", source: "file" });
    expect(await vault.status()).toMatchObject({ state: "locked", kid: kidOf(KEY) });

    writeKeyFile(KEY);
    const ready = await vault.status();
    expect(ready).toMatchObject({ state: "ready", source: "file" });
    expect(ready.notes.join()).toContain(kidOf(KEY));
  });

  it("shows a broken place as a note", async () => {
    mkdirSync(home, { recursive: true });
    writeKeyFile("nonsense!");

    expect((await setUp().vault.status()).notes.join()).toContain("neither base64");
  });
});
