import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BellhopError } from "../base/errors.ts";
import { type Config, type ConfigInput, defaultHome, resolveConfig } from "./config.ts";

function readConfigFile(path: string): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined; // no such file: the defaults apply
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {
    // falls through to the error below: the parser's message would quote the text
  }
  throw new BellhopError("config_invalid", { key: "config.json", source: path, problem: "not a JSON object" });
}

/** The environment of the process, for whoever looks up more than settings in it. */
export const environment = (): NodeJS.ProcessEnv => process.env;

/**
 * Settings from flags, environment (`BELLHOP_…`), `<home>/config.json` and defaults, in this order.
 * @throws config_invalid names the key, where the bad value came from and what is allowed
 */
export function loadConfig(options: { readonly flags?: ConfigInput; readonly env?: NodeJS.ProcessEnv } = {}): Config {
  const env = options.env ?? environment();
  const flags = options.flags ?? {};
  const home = flags.home ?? (env["BELLHOP_HOME"] || defaultHome());
  const path = join(home, "config.json");
  const values = readConfigFile(path);
  return resolveConfig(flags, env, values === undefined ? undefined : { name: (key) => `${key} in ${path}`, values });
}
