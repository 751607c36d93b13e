import type { ErrorCode } from "../base/error-table.ts";

/** What the process answers its caller with. `bellhop help exit-codes` and docs/cli.md print this list. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unavailable: 3,
  interrupted: 130,
  terminated: 143,
} as const;

export const EXIT_TEXT: readonly (readonly [code: number, text: string])[] = [
  [EXIT.ok, "Done. For notify and block test: the provider accepted the message."],
  [EXIT.failed, "It did not work: not found, refused, delivery failed, a check failed, or an unexpected error."],
  [EXIT.usage, "The command line or the configuration is wrong; nothing was done."],
  [EXIT.unavailable, "The store or the encryption key cannot be used (busy, full, corrupt, locked, missing key)."],
  [EXIT.interrupted, "Interrupted (Ctrl-C)."],
  [EXIT.terminated, "Ended by SIGTERM."],
];

const USAGE: ReadonlySet<string> = new Set<ErrorCode>(["cli_usage", "config_invalid"]);
const UNAVAILABLE = /^(store_|encryption_key_|keychain_)/;

/** Exit code of an error code; `undefined` is an error that is not ours. */
export function exitCodeOf(code: ErrorCode | undefined): number {
  if (code === undefined) return EXIT.failed;
  if (USAGE.has(code)) return EXIT.usage;
  return UNAVAILABLE.test(code) ? EXIT.unavailable : EXIT.failed;
}
