import {
  type ChannelResponse,
  type JsonObject,
  type Message,
  NotificationBlock,
  type Outcome,
  SEVERITY_LOOK,
  chars,
  deliveryFields,
  escapeSlack,
  isWebUrl,
  secret,
  slackBlocks,
  slackText,
  z,
} from "../src/sdk.ts";

/** Slack refuses more. Source: Slack docs, Block Kit reference, header and section blocks. */
const MAX_HEADER = chars(150);
const MAX_FIELDS = 10;
/** All block texts of a message together stay under 13,000, above which Slack answers `msg_blocks_too_long`. */
const MAX_BODY = chars(10_000);
const MAX_FIELD = chars(250);

const isWorkflow = (url: string): boolean => /^\/(workflows|triggers)\//.test(new URL(url).pathname);

const SEVERITIES = { info: "info", success: "success", warning: "warning", failure: "error" } as const;

const NotifyType = z.enum(["info", "success", "warning", "failure"]);
const Format = z.enum(["blocks", "attachments", "text"]);
const NOT_A_URL = "must be a web address without white space or user name";
const WebhookUrl = z.string().trim().refine(isWebUrl, { error: NOT_A_URL, abort: true });

const schema = z
  .object({
    notify_type: NotifyType.default("info").meta({ description: "Severity of messages that have none." }),
    url: secret(WebhookUrl).meta({ title: "Webhook URL", examples: ["https://hooks.slack.com/XXX"] }),
    allow_private_urls: z.boolean().default(true).meta({ description: "Allow loopback and private addresses." }),
    allow_custom_host: z
      .boolean()
      .default(true)
      .meta({ description: "Allow other receivers that take Slack's format." }),
    format: Format.default("blocks").meta({ description: "attachments adds a colour bar." }),
    username: z.string().optional().meta({ description: "Honoured by legacy integrations only, like icon_emoji." }),
    icon_emoji: z.string().optional(),
    thread_ts: z.string().optional().meta({ description: "Post below this message." }),
    ...deliveryFields(),
  })
  .superRefine(({ url, allow_custom_host }, context) => {
    const { hostname, protocol } = new URL(url.reveal());
    const isSlack = hostname === "hooks.slack.com" || hostname === "hooks.slack-gov.com";
    const message = isSlack
      ? "must start with https://"
      : "must be an address of hooks.slack.com or hooks.slack-gov.com";
    if (isSlack ? protocol !== "https:" : !allow_custom_host)
      context.addIssue({ code: "custom", path: ["url"], message });
  });
type Config = z.output<typeof schema>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function payloadOf(config: Config, message: Message, degrade?: "plain" | "shrink"): JsonObject {
  const severity = message.severity === "info" ? SEVERITIES[config.notify_type] : message.severity;
  if (isWorkflow(config.url.reveal())) {
    return { title: escapeSlack(message.title), message: message.body, severity, url: message.links[0]?.url ?? "" };
  }
  const { username = null, icon_emoji = null, thread_ts = null } = config;
  const sender = Object.fromEntries(
    Object.entries({ username, icon_emoji, thread_ts }).filter(([, value]) => value !== null),
  );
  const text = escapeSlack(message.title) || message.body;
  const quiet = { ...sender, unfurl_links: false, unfurl_media: false };
  const { native } = message;
  if (isObject(native) || Array.isArray(native))
    return { text, ...quiet, ...(isObject(native) ? native : { blocks: native }) };
  const isPlain = message.title === "" && message.fields.length === 0 && message.links.length === 0;
  if (isPlain || degrade === "plain" || config.format === "text") return { text: slackText(message), ...sender };
  const blocks = slackBlocks(message);
  if (config.format === "blocks") return { text, blocks, ...quiet };
  return { text, attachments: [{ color: SEVERITY_LOOK[severity].color, fallback: text, blocks }], ...quiet };
}

type Permanent = Extract<Outcome, { kind: "permanent" }>;
const permanent = (reason: Permanent["reason"], more: Partial<Permanent> = {}) =>
  ({ kind: "permanent", reason, ...more }) as const;

/** Slack's error codes. Source: Slack docs, "Sending messages using incoming webhooks", error types. */
function meaningOf(code: string): Omit<Permanent, "detail"> | undefined {
  if (/^(no_service|no_team|no_active_hooks|channel_is_archived)$/.test(code))
    return permanent("gone", { disableBlock: true });
  if (/^invalid_(blocks|blocks_format|attachments)$/.test(code)) return permanent("format", { degrade: "plain" });
  if (/^(msg_blocks_too_long|msg_too_long|too_many_attachments)$/.test(code))
    return permanent("too-large", { degrade: "shrink" });
  if (code === "invalid_token") return permanent("forbidden", { disableBlock: true });
  if (/^(action_prohibited|posting_to_general_channel_denied)$/.test(code)) return permanent("forbidden");
  return /^(channel|user)_not_found$/.test(code) ? permanent("not-found") : undefined;
}

function classify(
  { status, text, json }: ChannelResponse,
  plan: { readonly executor: string; readonly url?: string },
): Outcome | undefined {
  // 429 and 5xx mean what they mean everywhere.
  if (status === 429 || status >= 500) return undefined;
  const answer: JsonObject = isObject(json) ? json : {};
  const isOk = status >= 200 && status < 300;
  if (isOk && (text.trim() === "ok" || answer["ok"] === true)) return { kind: "delivered" };
  if (isOk && isWorkflow(plan.url ?? "") && answer["ok"] !== false) return { kind: "delivered" };
  const code = typeof answer["error"] === "string" ? answer["error"] : text.trim();
  const detail = `slack: ${code === "" ? `HTTP ${status} without "ok"` : code}`;
  const known = meaningOf(code);
  if (known !== undefined) return { ...known, detail };
  if (isOk && /^\s*[[{]/.test(text) && json === undefined)
    return { kind: "retry", reason: "unexpected-response", detail, ambiguous: true };
  return isOk ? { ...permanent("invalid-payload"), detail } : undefined;
}

/** A Slack channel, through an incoming webhook. */
export class SlackWebhook extends NotificationBlock.define({
  slug: "slack-webhook",
  name: "Slack Webhook",
  description: "Sends messages through a Slack incoming webhook.",
  documentationUrl: "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
  codeExample: 'import { Block } from "bellhop";\n\nawait Block.load("slack-webhook/ops").notify("Hello");',
  schema,
  dialect: "slack-mrkdwn",
  limits: { title: MAX_HEADER, body: MAX_BODY, fieldValue: MAX_FIELD, maxFields: MAX_FIELDS },
  variants: ["slack.json", "slack", "markdown", "text"],
  profile: "chat",
  // Slack allows about one message per second and may switch off apps that keep posting after a 429.
  rate: { capacity: 3, refillPerSecond: 1 },
  build: ({ config, message, degrade }) => ({
    executor: "slack-webhook",
    url: config.url.reveal(),
    payload: payloadOf(config, message, degrade),
    allowPrivateUrls: config.allow_private_urls,
  }),
  classify,
}) {}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    "slack-webhook": SlackWebhook;
  }
}
