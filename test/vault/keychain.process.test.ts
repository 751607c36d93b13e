import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL("../support/keychain-child.ts", import.meta.url));
const INSTALL = "apt-get install -y --no-install-recommends gnome-keyring dbus";

function installed(command: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    return true;
  } catch {
    return false; // the shell's "not found"
  }
}

const isLinux = process.platform === "linux";
const hasKeyring = isLinux && installed("dbus-run-session") && installed("gnome-keyring-daemon");
const isRequired = isLinux && !["", "0", "false", undefined].includes(process.env["CI"]);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bellhop-keychain-"));
  mkdirSync(join(folder, "run"), { mode: 0o700 });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Environment of a user with nothing: no bus, no keyring of the machine's own user. */
const environment = () => ({
  PATH: process.env["PATH"] ?? "",
  HOME: folder,
  XDG_RUNTIME_DIR: join(folder, "run"),
  XDG_DATA_HOME: join(folder, "data"),
});

const child = (...args: readonly string[]): string =>
  [process.execPath, CHILD, ...args].map((part) => `'${part}'`).join(" ");

/** Runs the commands, each a process of its own, in one private session with an unlocked keyring. */
async function inSession(...commands: readonly string[]): Promise<unknown[]> {
  const unlock = "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1";
  const script = [unlock, ...commands].join(" && ");
  const { stdout } = await run("dbus-run-session", ["--", "sh", "-c", script], { env: environment() });
  return stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

it.runIf(isRequired)("has a Secret Service to test with", () => {
  expect(hasKeyring, `install it: ${INSTALL}`).toBe(true);
});

describe.skipIf(!hasKeyring)(`a Secret Service (to run: ${INSTALL})`, () => {
  it("keeps the key of a store across processes, and nothing of it is on disk", async () => {
    const home = join(folder, "home");

    const [first, second] = await inSession(child(home), child(home));

    expect(first).toEqual({ kid: expect.stringMatching(/^[0-9a-f]{16}$/), source: "keychain" });
    expect(second).toEqual(first);
    expect(readdirSync(home).filter((name) => name.includes("key"))).toEqual([]);
  });

  it("keeps the keys of two stores apart", async () => {
    const [first, second] = await inSession(child(join(folder, "a")), child(join(folder, "b")));

    expect(first).not.toEqual(second);
  });

  it("gives one key to processes that start together on a new store", async () => {
    const home = join(folder, "home");
    const together = `(${[1, 2, 3].map(() => `${child(home)} & `).join("")} wait)`;

    const results = await inSession(together, child(home));

    expect(results).toHaveLength(4);
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
  });

  it("that lost the key locks the store, and no new key is made", async () => {
    const home = join(folder, "home");
    await inSession(child(home));
    rmSync(join(folder, "data"), { recursive: true });

    const [after] = await inSession(child(home));

    expect(after).toMatchObject({ code: "encryption_key_unavailable" });
    expect(readdirSync(home).filter((name) => name.includes("key"))).toEqual([]);
  });
});

describe.skipIf(!isLinux)("a machine without a session bus", () => {
  it("keeps the key in a file, never in the kernel's keyring, which forgets", async () => {
    const home = join(folder, "home");
    const script = [child(home), child(home)].join(" && ");

    const { stdout } = await run("sh", ["-c", script], { env: environment() });
    const [first, second] = stdout.trim().split("\n");

    expect(JSON.parse(first ?? "")).toMatchObject({ source: "file" });
    expect(second).toBe(first);
    expect(readdirSync(home)).toContain("encryption.key");
  });

  it("fails at once, and makes no key, where a keychain is required", async () => {
    const { stdout } = await run("sh", ["-c", child(join(folder, "home"), "required")], { env: environment() });
    const { code, tookMs } = JSON.parse(stdout) as { readonly code: string; readonly tookMs: number };

    expect(code).toBe("keychain_unavailable");
    expect(tookMs).toBeLessThan(4_000);
    expect(readdirSync(join(folder, "home")).filter((name) => name.includes("key"))).toEqual([]);
  });
});
