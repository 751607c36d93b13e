import type { Agent, buildConnector } from "undici";

export interface UndiciParts {
  readonly Agent: typeof Agent;
  readonly buildConnector: typeof buildConnector;
}

/**
 * The two parts of undici that every send needs. Its main entry also loads fetch, WebSocket and caches and takes about
 * three times as long (100 ms against 36 ms on a small machine), which a short-lived command would notice. Should a later
 * version close these paths, the main entry serves.
 */
export async function loadUndici(): Promise<UndiciParts> {
  try {
    const [agent, connect] = await Promise.all([
      import("undici/lib/dispatcher/agent.js"),
      import("undici/lib/core/connect.js"),
    ]);
    return { Agent: agent.default, buildConnector: connect.default };
  } catch {
    // ERR_PACKAGE_PATH_NOT_EXPORTED or MODULE_NOT_FOUND, from a version with another layout.
    return import("undici");
  }
}
