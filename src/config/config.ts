import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { BellhopError } from "../base/errors.ts";
import { durationMs } from "../base/duration.ts";
import { registerSecret } from "../base/redactor.ts";
import { SecretValue } from "../base/secret.ts";

/** `"30s"`, `"5m"` or a number of milliseconds. */
const Duration = z.union([
  z.number(),
  z.string().transform((text, issue) => {
    const ms = durationMs(text);
    if (ms === undefined) issue.addIssue({ code: "custom", message: 'expected a duration such as "30s" or "5m"' });
    return ms ?? z.NEVER;
  }),
]);

const Flag = z.union([
  z.boolean(),
  z.enum(["1", "0", "true", "false"]).transform((text) => text === "1" || text === "true"),
]);

/** Settings are printed with whatever holds them, so the key is kept where no print reaches it. */
function hidden(keys: string): SecretValue {
  for (const key of keys.split(",")) registerSecret(key.trim());
  return new SecretValue(keys);
}

/** Whoever has the address can keep the alarm behind it quiet. */
function asSecret(url: string): string {
  registerSecret(url);
  return url;
}

/** Every setting: type, bounds and default. Precedence: flag, environment, file, default. */
export const Config = z.strictObject({
  home: z.string().min(1).describe("Folder of the store, the key file and config.json."),
  uiUrl: z
    .url({ protocol: /^https?$/ })
    // Links go out in messages.
    .refine((url) => new URL(url).username === "" && new URL(url).password === "", "must not hold a login")
    .transform((url) => url.replace(/\/+$/, ""))
    .nullable()
    .default(null)
    .describe("Base of links to runs, e.g. https://hub.example."),
  hubName: z.string().max(100).default("bellhop").describe("How messages name the sender."),
  templatesDir: z
    .string()
    .nullable()
    .default(null)
    .describe("Project templates; default: ./templates where it exists."),
  encryptionKey: z
    .string()
    .min(1)
    .transform(hidden)
    .nullable()
    .default(null)
    .describe("Master key(s), comma separated, newest first."),
  encryptionKeyFile: z.string().min(1).nullable().default(null).describe("File with the same content."),
  keychain: z
    .enum(["auto", "off", "required"])
    .nullable()
    .default(null)
    .describe("Use of the OS keychain; default auto, off in CI."),
  allowInsecureKeyFile: Flag.default(false).describe("Accept a key file that others can read."),
  logLevel: z
    .enum(["silent", "debug", "info", "warn", "error"])
    .default("silent")
    .describe("What the library logs, on stderr."),
  drainTimeoutMs: Duration.pipe(z.number().min(0).max(600_000))
    .default(10_000)
    .describe("How long a process that is done waits for its due deliveries."),
  alertDestination: z
    .string()
    .trim()
    .regex(/^[a-z0-9-]{1,255}\/[a-z0-9-]{1,255}$/, 'must name a block, e.g. "email-smtp/ops"')
    .nullable()
    .default(null)
    .describe("Block that is told when deliveries to others fail for long or are given up."),
  alertAfterMs: Duration.pipe(
    z
      .number()
      .min(1_000)
      .max(7 * 86_400_000),
  )
    .default(15 * 60_000)
    .describe("How long a destination fails before it is called failing."),
  heartbeatUrl: z
    .url({ protocol: /^https?$/ })
    .refine((url) => new URL(url).username === "" && new URL(url).password === "", "must not hold a login")
    .transform(asSecret)
    .nullable()
    .default(null)
    .describe("Address that is asked for regularly while a hub runs, e.g. of a dead man's switch."),
  heartbeatIntervalMs: Duration.pipe(z.number().min(1_000).max(86_400_000)).default(60_000).describe("How often."),
  persistResults: Flag.default(false).describe("Keep the results of flows and tasks that say nothing about it."),
  ci: Flag.default(false).describe("No prompts, no keychain."),
});
export type Config = z.infer<typeof Config>;
export type ConfigInput = Partial<z.input<typeof Config>>;

/** Settings by environment variable. One place; nothing else reads these. */
export const ENVIRONMENT: Readonly<Record<string, keyof Config>> = {
  BELLHOP_HOME: "home",
  BELLHOP_UI_URL: "uiUrl",
  BELLHOP_HUB_NAME: "hubName",
  BELLHOP_TEMPLATES_DIR: "templatesDir",
  BELLHOP_ENCRYPTION_KEY: "encryptionKey",
  BELLHOP_ENCRYPTION_KEY_FILE: "encryptionKeyFile",
  BELLHOP_KEYCHAIN: "keychain",
  BELLHOP_ALLOW_INSECURE_KEY_FILE: "allowInsecureKeyFile",
  BELLHOP_LOG_LEVEL: "logLevel",
  BELLHOP_DRAIN_TIMEOUT: "drainTimeoutMs",
  BELLHOP_ALERT_DESTINATION: "alertDestination",
  BELLHOP_ALERT_AFTER: "alertAfterMs",
  BELLHOP_HEARTBEAT_URL: "heartbeatUrl",
  BELLHOP_HEARTBEAT_INTERVAL: "heartbeatIntervalMs",
  BELLHOP_RESULTS_PERSIST_BY_DEFAULT: "persistResults",
  CI: "ci",
};

interface Source {
  readonly name: (key: string) => string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** `~` and `~/x` mean the user's home folder; also on Windows, where a shell does not replace it. */
const expandHome = (path: string): string => path.replace(/^~(?=$|[/\\])/, homedir());

export const defaultHome = (): string => join(homedir(), ".bellhop");

function fromEnvironment(env: NodeJS.ProcessEnv): Source {
  const values: Record<string, unknown> = {};
  for (const [variable, key] of Object.entries(ENVIRONMENT)) {
    const value = env[variable];
    // CI is set to all kinds of texts by build services; any but these means yes.
    if (variable === "CI" && value !== undefined) values[key] = !["", "0", "false"].includes(value);
    else if (value !== undefined && value !== "") values[key] = value;
  }
  const variableOf = (key: string) => Object.keys(ENVIRONMENT).find((name) => ENVIRONMENT[name] === key) ?? key;
  return { name: (key) => `environment variable ${variableOf(key)}`, values };
}

/** Merges the sources (first one wins) and checks the result. @throws config_invalid */
export function resolveConfig(flags: ConfigInput, env: NodeJS.ProcessEnv, file: Source | undefined): Config {
  const sources: Source[] = [
    { name: (key) => `option ${key}`, values: flags },
    fromEnvironment(env),
    ...(file === undefined ? [] : [file]),
    { name: (key) => `default of ${key}`, values: { home: defaultHome() } },
  ];
  const merged: Record<string, unknown> = {};
  for (const source of sources.toReversed()) {
    for (const [key, value] of Object.entries(source.values)) if (value !== undefined) merged[key] = value;
  }
  const parsed = Config.safeParse(merged);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const key = String(issue?.path[0] ?? (issue?.code === "unrecognized_keys" ? issue.keys[0] : "config"));
    const source = sources.find((candidate) => candidate.values[key] !== undefined);
    throw new BellhopError("config_invalid", {
      key,
      source: source?.name(key) ?? key,
      problem: issue?.message ?? "invalid",
    });
  }
  return { ...parsed.data, home: expandHome(parsed.data.home) };
}
