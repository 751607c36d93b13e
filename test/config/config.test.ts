import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inspect } from "node:util";
import { BellhopError } from "../../src/base/errors.ts";
import { redact } from "../../src/base/redactor.ts";
import { MASK } from "../../src/base/secret.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openLogger } from "../../src/config/log.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bellhop-config-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const failure = (fn: () => unknown): BellhopError => {
  try {
    fn();
  } catch (error) {
    if (BellhopError.is(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

describe("configuration", () => {
  it("takes a flag before the environment, the environment before the file, the file before the default", () => {
    writeFileSync(join(home, "config.json"), JSON.stringify({ hubName: "file", uiUrl: "https://file.example/" }));
    const env = { BELLHOP_HOME: home, BELLHOP_HUB_NAME: "env" };

    expect(loadConfig({ env, flags: { hubName: "flag" } }).hubName).toBe("flag");
    expect(loadConfig({ env }).hubName).toBe("env");
    expect(loadConfig({ env }).uiUrl).toBe("https://file.example");
    expect(loadConfig({ env }).drainTimeoutMs).toBe(10_000);
  });

  it("defaults to a folder in the user's home and expands a leading tilde", () => {
    expect(loadConfig({ env: {} }).home).toBe(join(homedir(), ".bellhop"));
    expect(loadConfig({ env: { BELLHOP_HOME: "~/elsewhere" } }).home).toBe(join(homedir(), "elsewhere"));
  });

  it.each([
    { given: "30s", ms: 30_000 },
    { given: "250ms", ms: 250 },
    { given: "1m", ms: 60_000 },
    { given: "0", ms: 0 },
  ])("reads the duration $given as $ms ms", ({ given, ms }) => {
    expect(loadConfig({ env: { BELLHOP_HOME: home, BELLHOP_DRAIN_TIMEOUT: given } }).drainTimeoutMs).toBe(ms);
  });

  it.each([
    { variable: "BELLHOP_DRAIN_TIMEOUT", value: "soon", key: "drainTimeoutMs" },
    { variable: "BELLHOP_KEYCHAIN", value: "maybe", key: "keychain" },
    { variable: "BELLHOP_UI_URL", value: "ftp://x", key: "uiUrl" },
  ])("names the variable $variable when its value is not valid, and not the value", ({ variable, value, key }) => {
    const error = failure(() => loadConfig({ env: { BELLHOP_HOME: home, [variable]: value } }));

    expect(error.code).toBe("config_invalid");
    expect(error.message).toContain(key);
    expect(error.hint).toContain(variable);
  });

  it("refuses an unknown key of the file and says where it stands", () => {
    writeFileSync(join(home, "config.json"), JSON.stringify({ colour: "red" }));

    const error = failure(() => loadConfig({ env: { BELLHOP_HOME: home } }));

    expect(error.message).toContain("colour");
    expect(error.hint).toContain("config.json");
  });

  it("shows the master key in no print, and masks it everywhere", () => {
    const key = "Zm9ydHktdHdvLWJ5dGVzLW9mLWEtbWFzdGVyLWtleSE=";

    const config = loadConfig({ env: { BELLHOP_HOME: home, BELLHOP_ENCRYPTION_KEY: `${key}, other-key-0123` } });

    const prints = [
      inspect(config, { depth: 9, showHidden: true }),
      JSON.stringify(config),
      String(config.encryptionKey),
    ];
    expect(prints.join("\n")).not.toMatch(/Zm9ydHk|other-key/);
    expect(config.encryptionKey?.reveal()).toContain(key);
    expect(redact(`${key} other-key-0123`)).toBe(`${MASK} ${MASK}`);
  });

  it("takes no login in the address that links are made from", () => {
    const error = failure(() =>
      loadConfig({ env: { BELLHOP_HOME: home, BELLHOP_UI_URL: "https://me:pw12345@h.example" } }),
    );

    expect(error).toMatchObject({ code: "config_invalid", message: expect.stringContaining("uiUrl") });
    expect(error.message + error.hint).not.toContain("pw12345");
  });

  it("refuses a file that is not JSON without quoting it", () => {
    writeFileSync(join(home, "config.json"), '{"encryptionKey": "hunter2hunter2"');

    const error = failure(() => loadConfig({ env: { BELLHOP_HOME: home } }));

    expect(error.code).toBe("config_invalid");
    expect(error.message + error.hint).not.toContain("hunter2");
  });
});

describe("the log", () => {
  it("writes one JSON object a line, at the level and above", async () => {
    const lines: string[] = [];
    const log = await openLogger("warn", (line) => lines.push(line));

    log.info("started");
    log.warn("delivery attempt failed", { attempt: 2 });

    expect(lines.map((line) => JSON.parse(line) as Record<string, unknown>)).toEqual([
      { level: 40, time: expect.any(String), attempt: 2, msg: "delivery attempt failed" },
    ]);
  });
});
