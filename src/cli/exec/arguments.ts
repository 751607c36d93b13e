import { MASK } from "../../base/secret.ts";
import { secretTexts } from "../../runs/stored-parameters.ts";

export interface MaskedArguments {
  readonly shown: readonly string[];
  /** What was masked. */
  readonly secrets: readonly string[];
}

/** The same words that make a parameter of a flow secret. */
const isSecretName = (name: string): boolean => secretTexts({ [name]: "value" }).length > 0;

/** `--api-key=…`, `PGPASSWORD=…`, `-Ddb.password=…` */
const ASSIGNED = /^(?<before>-{0,2}(?<name>[\w.-]+)=)(?<value>.+)$/s;
/** `Authorization: Bearer …`, as curl takes it. */
const HEADER = /^(?<before>(?<name>[\w-]+):\s*)(?<value>.+)$/s;
/** `--password`, with the value in the next word. */
const FLAG = /^--?(?<name>[A-Za-z][\w-]*)$/;
/** `postgres://user:…@host`. The last @ before the host ends the password. */
const LOGIN = /(?<before>[a-z][a-z\d+.-]*:\/\/[^\s:/?#@]*:)(?<value>[^\s/?#]+)(?=@)/gi;
/** `curl -u name:…` */
const USER = /^(?:-u|--user|--proxy-user)$/;
const NAME_AND_PASSWORD = /^(?<before>[^:]+:)(?<value>.+)$/s;

/** A command line as it may be stored: what stands where secrets stand is masked. */
export function maskArguments(words: readonly string[]): MaskedArguments {
  const secrets: string[] = [];
  const hide = (secret: string): string => {
    secrets.push(secret);
    return MASK;
  };
  const shown = words.map((word, index) => {
    const flag = words[index - 1] ?? "";
    if (isSecretName(FLAG.exec(flag)?.groups?.["name"] ?? "") && !word.startsWith("-")) return hide(word);
    const login = USER.test(flag) ? NAME_AND_PASSWORD.exec(word)?.groups : undefined;
    const named = login ?? [ASSIGNED, HEADER].map((form) => form.exec(word)?.groups).find(isSecret);
    if (named !== undefined) return `${named["before"]}${hide(named["value"] ?? "")}`;
    return word.replaceAll(LOGIN, (_all, before: string, value: string) => `${before}${hide(value)}`);
  });
  return { shown, secrets };
}

const isSecret = (groups: Readonly<Record<string, string>> | undefined): boolean =>
  groups !== undefined && isSecretName(groups["name"] ?? "");
