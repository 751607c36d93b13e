import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigInput } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { type Hub, type HubPorts, openHub, withHub } from "../../src/hub.ts";

export interface TestHub extends AsyncDisposable {
  readonly hub: Hub;
  readonly home: string;
  /** Runs `fn` with this hub as the current one. */
  readonly within: <T>(fn: () => T) => T;
}

/** A running hub on a new home of its own, with a key file and no keychain. Closing it removes the home. */
export async function openTestHub(flags: ConfigInput = {}, ports: HubPorts = {}): Promise<TestHub> {
  const home = mkdtempSync(join(tmpdir(), "bellhop-test-"));
  const hub = await openHub(loadConfig({ flags: { home, keychain: "off", ...flags }, env: {} }), ports);
  return {
    hub,
    home,
    within: (fn) => withHub(hub, fn),
    [Symbol.asyncDispose]: async () => {
      await hub[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
