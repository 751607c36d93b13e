import { type ChannelResponse, type JsonObject, type Message, NotificationBlock, type Outcome, chars, secret, z } from "../src/sdk.ts";

/** Slack refuses more. Source: Slack docs, Block Kit reference, header and section blocks. */
const MAX_HEADER = chars(150);
const MAX_SECTION_CHARS = 3_000;
const MAX_FIELDS = 10;
/** All block texts of a message together stay under 13,000, above which Slack answers `msg_blocks_too_long`. */
const MAX_BODY = chars(10_000);
const MAX_FIELD = chars(250);

const isWorkflow = (url: string): boolean => /^\/(workflows|triggers)\//.test(new URL(url).pathname);

const COLORS = { info: "#2F81F7", success: "#2DA44E", warning: "#D29922", error: "#CF222E", critical: "#8E1519" } as const;
const SEVERITIES = { info: "info", success: "success", warning: "warning", failure: "error" } as const;

const isWebUrl = (text: string): boolean =>
  !/\s/.test(text) && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).username === "";

const schema = z
  .object({
    notify_type: z.enum(["info", "success", "warning", "failure"]).default("info").meta({ description: "Severity of messages that have none." }),
    url: secret(z.string().trim().refine(isWebUrl, "must be a web address without white space or user name"))
      .meta({ title: "Webhook URL", description: "From the Slack app's page \"Incoming Webhooks\".", examples: ["https://hooks.slack.com/XXX"] }),
    allow_private_urls: z.boolean().default(true).meta({ description: "Allow loopback and private addresses." }),
    allow_custom_host: z.boolean().default(true).meta({ description: "Allow other receivers that take Slack's format." }),
    format: z.enum(["blocks", "attachments", "text"]).default("blocks").meta({ description: "attachments adds a colour bar." }),
    username: z.string().optional().meta({ description: "Honoured by legacy integrations only, like icon_emoji and channel." }),
    icon_emoji: z.string().optional(),
    channel: z.string().optional(),
    thread_ts: z.string().optional().meta({ description: "Post below this message." }),
  })
  .superRefine(({ url, allow_custom_host }, context) => {
    const { hostname, protocol } = new URL(url.reveal());
    const isSlack = hostname === "hooks.slack.com" || hostname === "hooks.slack-gov.com";
    const message = isSlack ? "must start with https://" : "must be an address of hooks.slack.com or hooks.slack-gov.com";
    if (isSlack ? protocol !== "https:" : !allow_custom_host) context.addIssue({ code: "custom", path: ["url"], message });
  });
type Config = z.output<typeof schema>;

/** Slack decodes exactly these three. Source: Slack docs, "Formatting text for app surfaces", escaping. */
const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const mrkdwn = (text: string) => ({ type: "mrkdwn", text });
const section = (text: string) => ({ type: "section", text: mrkdwn(text) });

const linkText = ({ links }: Message): string =>
  links
    .filter(({ url }) => /^(https?|mailto):/i.test(url))
    .map(({ label, url }) => `<${escape(url).replaceAll("|", "%7C")}|${label.replaceAll(/[|<>]/g, " ")}>`)
    .join(" · ");

/** Parts of at most one section each, cut at paragraph, line or word ends; a code fence is closed and opened again. */
function sectionsOf(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > MAX_SECTION_CHARS) {
    const room = rest.slice(0, MAX_SECTION_CHARS - 8);
    const end = [room.lastIndexOf("\n\n"), room.lastIndexOf("\n"), room.lastIndexOf(" ")].find((at) => at > room.length / 2);
    const part = end === undefined ? room.replace(/(&[a-z]{0,4}|<[^<>]{0,2000}|[\uD800-\uDBFF])$/, "") : room.slice(0, end);
    const isOpen = part.split("```").length % 2 === 0;
    parts.push(isOpen ? `${part}\n\`\`\`` : part);
    rest = (isOpen ? "```\n" : "") + rest.slice(part.length).trimStart();
  }
  return rest.trim() === "" ? parts : [...parts, rest];
}

function blocksOf(message: Message): JsonObject[] {
  const { title, body, fields, tags, occurredAt } = message;
  const links = linkText(message);
  const seconds = Math.floor(Date.parse(occurredAt) / 1_000);
  const time = Number.isNaN(seconds) ? "" : `<!date^${seconds}^{date_short_pretty} {time}|${escape(occurredAt)}>`;
  return [
    ...(title === "" ? [] : [{ type: "header", text: { type: "plain_text", text: title, emoji: true } }]),
    ...sectionsOf(body).map(section),
    ...(fields.length === 0 ? [] : [{ type: "section", fields: fields.map(({ name, value }) => mrkdwn(`*${name}*\n${value}`)) }]),
    ...(links === "" ? [] : [section(links)]),
    { type: "context", elements: [mrkdwn([...tags.map(escape), time].filter((part) => part !== "").join(" · "))] },
  ];
}

/** Everything in one text: for messages that are nothing but text, and where Slack refused the blocks. */
const textOf = (message: Message): string =>
  [
    message.title === "" ? "" : `*${escape(message.title)}*`,
    message.body,
    ...message.fields.map(({ name, value }) => `*${name}:* ${value}`),
    linkText(message),
  ].filter((line) => line !== "").join("\n");

function payloadOf(config: Config, message: Message, degrade?: "plain" | "shrink"): JsonObject {
  const severity = message.severity === "info" ? SEVERITIES[config.notify_type] : message.severity;
  if (isWorkflow(config.url.reveal())) {
    return { title: message.title, message: message.body, severity, url: message.links[0]?.url ?? "" };
  }
  const { username, icon_emoji, channel, thread_ts } = config;
  const sender = Object.fromEntries(Object.entries({ username, icon_emoji, channel, thread_ts }).filter(([, value]) => value !== undefined));
  const text = escape(message.title) || message.body;
  const quiet = { ...sender, unfurl_links: false, unfurl_media: false };
  if (message.native !== undefined && typeof message.native === "object" && message.native !== null) {
    return { text, ...quiet, ...(Array.isArray(message.native) ? { blocks: message.native } : message.native) };
  }
  const isPlain = message.title === "" && message.fields.length === 0 && message.links.length === 0;
  if (isPlain || degrade === "plain" || config.format === "text") return { text: textOf(message), ...sender };
  const blocks = blocksOf(message);
  if (config.format === "blocks") return { text, blocks, ...quiet };
  return { text, attachments: [{ color: COLORS[severity], fallback: text, blocks }], ...quiet };
}

const refused = (reason: "invalid-payload" | "forbidden" | "not-found") => ({ kind: "permanent", reason }) as const;
const gone = { kind: "permanent", reason: "gone", disableBlock: true } as const;
const badFormat = { kind: "permanent", reason: "format", degrade: "plain" } as const;
const tooLong = { kind: "permanent", reason: "too-large", degrade: "shrink" } as const;

/** Slack's error codes. Source: Slack docs, "Sending messages using incoming webhooks", error types. */
const ERRORS: ReadonlyMap<string, Omit<Extract<Outcome, { kind: "permanent" }>, "detail">> = new Map([
  ["invalid_token", { ...refused("forbidden"), disableBlock: true }],
  ["action_prohibited", refused("forbidden")],
  ["posting_to_general_channel_denied", refused("forbidden")],
  ["channel_not_found", refused("not-found")],
  ["user_not_found", refused("not-found")],
  ...["no_service", "no_team", "no_active_hooks", "channel_is_archived"].map((code) => [code, gone] as const),
  ...["invalid_blocks", "invalid_blocks_format", "invalid_attachments"].map((code) => [code, badFormat] as const),
  ...["msg_blocks_too_long", "msg_too_long", "too_many_attachments"].map((code) => [code, tooLong] as const),
]);

function classify({ status, text, json }: ChannelResponse, plan: { readonly executor: string; readonly url?: string }): Outcome | undefined {
  // 429 and 5xx mean what they mean everywhere.
  if (status === 429 || status >= 500) return undefined;
  const answer = typeof json === "object" && json !== null && !Array.isArray(json) ? (json as JsonObject) : {};
  const isOk = status >= 200 && status < 300;
  if (isOk && (text.trim() === "ok" || answer["ok"] === true)) return { kind: "delivered" };
  if (isOk && isWorkflow(plan.url ?? "") && answer["ok"] !== false) return { kind: "delivered" };
  const code = typeof answer["error"] === "string" ? answer["error"] : text.trim();
  const detail = `slack: ${code === "" ? `HTTP ${status} without "ok"` : code}`;
  const known = ERRORS.get(code);
  if (known !== undefined) return { ...known, detail };
  if (isOk && /^\s*[[{]/.test(text) && json === undefined) return { kind: "retry", reason: "unexpected-response", detail, ambiguous: true };
  return isOk ? { ...refused("invalid-payload"), detail } : undefined;
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

declare module "../src/sdk.ts" {
  interface BlockTypes {
    "slack-webhook": SlackWebhook;
  }
}
