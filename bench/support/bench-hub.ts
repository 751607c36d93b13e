import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import { type Hub, openHub, withHub } from "../../src/hub.ts";

/** A folder that is removed when it is disposed. */
export interface Home extends Disposable {
  readonly path: string;
  /** The store of a hub in this home. */
  readonly database: string;
}

export function tempHome(): Home {
  const path = mkdtempSync(join(tmpdir(), "bellhop-bench-"));
  return {
    path,
    database: join(path, "bellhop.db"),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export interface BenchHub extends AsyncDisposable {
  readonly hub: Hub;
  readonly within: <T>(fn: () => T) => T;
}

/** A hub as an embedded user has it, in a home of its own. */
export async function openBenchHub(home: Home): Promise<BenchHub> {
  const hub = await openHub(loadConfig({ flags: { home: home.path, keychain: "off" }, env: {} }));
  return {
    hub,
    within: (fn) => withHub(hub, fn),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  };
}

/** Milliseconds that `fn` took. */
export async function timed(fn: () => unknown): Promise<number> {
  const begin = performance.now();
  await fn();
  return performance.now() - begin;
}
