import { EXIT_TEXT } from "./exit-code.ts";
import type { Paint } from "./paint.ts";

export interface HelpTopic {
  readonly summary: string;
  readonly text: (paint: Paint) => string;
}

const rows = (paint: Paint, pairs: readonly (readonly [name: string, text: string])[]): string => {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 2;
  return pairs.map(([name, text]) => `  ${paint.accent(name.padEnd(width))}${text}`).join("\n");
};

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["BELLHOP_HOME", "folder of the store, the key file and config.json (~/.bellhop)"],
  ["BELLHOP_UI_URL", "base of links to runs"],
  ["BELLHOP_TEMPLATES_DIR", "templates that override the built-in ones (./templates)"],
  ["BELLHOP_ENCRYPTION_KEY", "master key(s), comma separated, newest first"],
  ["BELLHOP_ENCRYPTION_KEY_FILE", "file with the same content"],
  ["BELLHOP_KEYCHAIN", "auto, off or required; off where CI is set"],
  ["BELLHOP_LOG_LEVEL", "debug, info, warn, error or silent (the default)"],
  ["BELLHOP_DRAIN_TIMEOUT", "how long a process waits for its due deliveries (10s)"],
  ["BELLHOP_ALERT_DESTINATION", "block that is told of failing destinations and of messages given up"],
  ["BELLHOP_ALERT_AFTER", "how long a destination fails before it is called failing (15m)"],
  ["BELLHOP_HEARTBEAT_URL", "address that is asked for regularly while a hub runs"],
  ["BELLHOP_HEARTBEAT_INTERVAL", "how often (60s)"],
  ["BELLHOP_DEBUG", "1 prints stacks of unexpected errors"],
  ["CI", "set: never ask questions, do not use the keychain"],
  ["NO_COLOR", "set: no colours; FORCE_COLOR=1 forces them"],
];

/** What `bellhop help <topic>` explains besides commands. */
export const TOPICS: Readonly<Record<string, HelpTopic>> = {
  "exit-codes": {
    summary: "what the process answers its caller with",
    text: (paint) =>
      `${paint.bold("Exit codes")}\n\n${rows(
        paint,
        EXIT_TEXT.map(([code, text]) => [String(code), text]),
      )}\n`,
  },
  environment: {
    summary: "variables that Bellhop reads",
    text: (paint) =>
      `${paint.bold("Environment")}\n\n${rows(paint, ENVIRONMENT)}\n\nPrecedence: option, environment, config.json, default.\n`,
  },
  secrets: {
    summary: "how to hand over a secret without leaking it",
    text: (paint) =>
      [
        paint.bold("Secrets"),
        "",
        "On a terminal, block save asks for what is missing and shows nothing of it.",
        "In a script, pick what fits:",
        "",
        rows(paint, [
          ["--stdin", "the secret comes on standard input"],
          ["--set-from url=env:HOOK", "from an environment variable"],
          ["--set-from url=file:./hook.txt", "from a file; a final line break is dropped"],
          ["--set-from url=stdin", "one field from standard input"],
          ["--set-from url=prompt", "ask for it"],
        ]),
        "",
        "--set url=… is refused for secret fields: command lines end up in the shell's",
        "history and in the process list. --allow-argv-secrets overrides that.",
        "Bellhop never prints a secret unless block inspect --show-secrets asks for it.",
        "",
      ].join("\n"),
  },
};
