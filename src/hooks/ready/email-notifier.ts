import { EmailServerCredentials } from "../../../blocks/email-server-credentials.ts";
import { EmailSmtp } from "../../../blocks/email-smtp.ts";
import { Block, type Notifier } from "../../block/block.ts";
import { parseReference } from "../../block/reference.ts";
import type { StateHandler } from "../../engine/definition.ts";
import { namedSecret } from "./named-secret.ts";
import { checkNotifier, type NotifierOptions } from "./notifier-options.ts";
import { plainMessage } from "./state-message.ts";

export interface EmailNotifierOptions extends NotifierOptions {
  /** A saved block that sends, such as `email-smtp/oncall`. Default: Gmail, with the two secrets below. */
  readonly block?: string;
  /** Name of the secret that holds the Gmail address, which is sender and recipient. Default `EMAIL_USERNAME`. */
  readonly usernameSecret?: string;
  /** Name of the secret that holds its app password. Default `EMAIL_PASSWORD`. */
  readonly passwordSecret?: string;
}

const TEXTS = ["block", "usernameSecret", "passwordSecret"] as const;

/**
 * A state handler that mails each state. A mail that is refused fails the run. Block and secrets are read for states
 * that are told only. Source: Prefect 1, prefect.utilities.notifications, gmail_notifier.
 *
 * @throws invalid_definition, invalid_block_reference; when called delivery_failed, block_not_found,
 * block_validation_failed
 * @example
 * flow({ stateHandlers: [emailNotifier({ block: "email-smtp/oncall", onlyStates: ["FAILED"] })] }, nightly)
 */
export function emailNotifier(options: EmailNotifierOptions = {}): StateHandler {
  const { tells, backendInfo, texts } = checkNotifier("emailNotifier", options, TEXTS);
  const { block: ref } = texts;
  if (ref !== undefined) parseReference(ref);
  const open = (): Promise<Notifier> =>
    ref === undefined ? gmail(texts["usernameSecret"], texts["passwordSecret"]) : Block.load(ref);
  return async function emailNotifier(object, _oldState, state) {
    if (!tells(state)) return state;
    const mailbox = await open();
    await mailbox.notify(plainMessage({ object, state, backendInfo }));
    return state;
  };
}

/** Sends to the address that it logs in with. */
async function gmail(usernameSecret = "EMAIL_USERNAME", passwordSecret = "EMAIL_PASSWORD"): Promise<Notifier> {
  const username = await namedSecret(usernameSecret);
  const password = await namedSecret(passwordSecret);
  const credentials = new EmailServerCredentials({ username, password });
  return new EmailSmtp({ credentials, from: username, to: [username] });
}
