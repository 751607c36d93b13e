import type { NotifyMessage } from "../../block/notify-message.ts";
import { escapeSlack } from "../../channel/slack-layout.ts";
import type { AnyFlow, AnyTask } from "../../engine/definition.ts";
import { runtime } from "../../engine/runtime.ts";
import { describe } from "../../orchestration/final-state.ts";
import type { State } from "../../states/state.ts";
import { severityOf } from "../../templating/severity.ts";

export interface StateMessageOptions {
  readonly object: AnyFlow | AnyTask;
  readonly state: State;
  /** Whether to link to the run, where a UI address is configured. */
  readonly backendInfo: boolean;
}

/** What a notifier says about a state, in Slack's markup: the error as a code block, else the message. */
export const slackMessage = (options: StateMessageOptions): NotifyMessage =>
  messageOf(options, (error) => `\`\`\`${escapeSlack(unfenced(error))}\`\`\``, escapeSlack);

/** The same as plain text. */
export const plainMessage = (options: StateMessageOptions): NotifyMessage => messageOf(options, asIs, asIs);

const asIs = (text: string): string => text;

/** Three backticks would end the code block. */
const unfenced = (text: string): string => text.replaceAll("```", "'''");

function messageOf(
  { object, state, backendInfo }: StateMessageOptions,
  showError: (text: string) => string,
  showMessage: (text: string) => string,
): NotifyMessage {
  const attached: unknown = state.peek();
  const body = attached instanceof Error ? showError(describe(attached)) : showMessage(state.message ?? "");
  const url = backendInfo ? (runtime.taskRun.uiUrl ?? runtime.flowRun.uiUrl) : null;
  return {
    title: `${object.name} is now in a ${state.name} state`,
    body,
    severity: severityOf(state.type, state.name),
    ...(url === null ? {} : { links: [{ label: "Open the run", url, primary: true }] }),
  };
}
