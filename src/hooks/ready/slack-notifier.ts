import { SlackWebhook } from "../../../blocks/slack-webhook.ts";
import type { StateHandler } from "../../engine/definition.ts";
import { namedSecret } from "./named-secret.ts";
import { checkNotifier, type NotifierOptions } from "./notifier-options.ts";
import { slackMessage } from "./state-message.ts";

export interface SlackNotifierOptions extends NotifierOptions {
  /** Name of the secret that holds the webhook's address. Default `SLACK_WEBHOOK_URL`. */
  readonly webhookSecret?: string;
}

/**
 * A state handler that posts each state to Slack, as an attachment in the state's colour. A post that is refused fails
 * the run: Prefect 1 takes state handlers for a part of the run. The secret is read for states that are told only.
 * Source: Prefect 1, prefect.utilities.notifications, slack_notifier.
 *
 * @throws invalid_definition; when called delivery_failed, block_not_found, block_validation_failed
 * @example
 * task({ stateHandlers: [slackNotifier({ onlyStates: ["Failed", "AwaitingRetry"] })] }, load)
 */
export function slackNotifier(options: SlackNotifierOptions = {}): StateHandler {
  const { tells, backendInfo, texts } = checkNotifier("slackNotifier", options, ["webhookSecret"]);
  return async function slackNotifier(object, _oldState, state) {
    if (!tells(state)) return state;
    const url = await namedSecret(texts["webhookSecret"] ?? "SLACK_WEBHOOK_URL");
    const webhook = new SlackWebhook({ url, format: "attachments" });
    await webhook.notify(slackMessage({ object, state, backendInfo }));
    return state;
  };
}
