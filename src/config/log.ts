import { type Logger, type LogFields, silentLogger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { Config } from "./config.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/**
 * One JSON object a line on stderr, secrets masked. `silent` (the default) writes nothing and loads nothing.
 * @param write Receives each masked line; default stderr.
 */
export async function openLogger(
  level: Config["logLevel"],
  write: (line: string) => void = (line) => process.stderr.write(line),
): Promise<Logger> {
  if (level === "silent") return silentLogger;
  const { pino } = await import("pino");
  const log = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line) => write(redact(line)) },
  );
  const at =
    (name: (typeof LEVELS)[number]) =>
    (message: string, fields: LogFields = {}) =>
      log[name](fields, message);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
