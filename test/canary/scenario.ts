// Saves, uses and breaks things with twenty planted secrets. Run by the canary test with a home and two sinks.
import { inspect } from "node:util";
import {
  Block,
  CustomWebhook,
  EmailServerCredentials,
  EmailSmtp,
  flow,
  JsonBlock,
  notify,
  Secret,
  SlackWebhook,
  tags,
  task,
} from "bellhop";
import { SECRETS } from "./secrets.ts";

const http = process.env["SINK_HTTP"] ?? "";
const smtpPort = Number(process.env["SINK_SMTP"]);

const show = (...values: readonly unknown[]): void => {
  for (const value of values)
    process.stdout.write(
      `${inspect(value, { depth: 8, showHidden: true })}\n${String(value)}\n${JSON.stringify(value)}\n`,
    );
};
const attempt = async (fn: () => unknown): Promise<void> => {
  try {
    show(await fn());
  } catch (error) {
    show(error);
  }
};

const ops = new SlackWebhook({ url: `${http}/services/${SECRETS.slackUrlPath}` });
await ops.save("ops");
await new SlackWebhook({ url: `${http}/status/400/echo/services/${SECRETS.slackOtherPath}` }).save("broken");
const credentials = new EmailServerCredentials({
  username: "canary",
  password: SECRETS.smtpPassword,
  smtp_server: "127.0.0.1",
  smtp_port: smtpPort,
  smtp_type: "INSECURE",
});
await credentials.save("mail");
const other = new EmailServerCredentials({
  username: "canary",
  password: SECRETS.smtpPasswordTwo,
  smtp_server: "127.0.0.1",
  smtp_port: 9,
  smtp_type: "INSECURE",
});
await other.save("unreachable");
await new EmailSmtp({ credentials, from: "a@example.org", to: ["b@example.org"] }).save("oncall");
await new EmailSmtp({ credentials: other, from: "a@example.org", to: ["b@example.org"] }).save("unreachable");
await new CustomWebhook({
  name: "canary",
  url: `${http}/status/500/echo`,
  headers: { "X-Auth": "{{header}}" },
  json_data: { token: "{{token}}", nested: "{{nested}}", text: "{{body}}" },
  secrets: { header: SECRETS.webhookHeader, token: SECRETS.webhookToken, nested: SECRETS.webhookNested },
}).save("custom");
const texts = [
  "secretText",
  "secretMultiline",
  "secretNumericText",
  "connection",
  "apiKey",
  "emoji",
  "html",
  "slashes",
  "long",
] as const;
for (const name of texts) await new Secret({ value: SECRETS[name] }).save(name.toLowerCase());
await new Secret({ value: { leaf: SECRETS.jsonSecret, list: [SECRETS.jsonSecretTab] } }).save("json");
await new JsonBlock({ value: { harmless: true } }).save("plain");

show(ops, credentials, await Block.load("custom-webhook/custom"), await Block.list());
for (const name of texts) show(await Block.load(`secret/${name.toLowerCase()}`));
for (const ref of [
  "slack-webhook/ops",
  "slack-webhook/broken",
  "email-smtp/oncall",
  "email-smtp/unreachable",
  "custom-webhook/custom",
]) {
  await attempt(() => Block.load(ref).notify(`hello ${SECRETS.secretText} and ${SECRETS.connection}`));
}
await attempt(() => new SlackWebhook({ url: `not a url ${SECRETS.slackUrlPath}` }));
await attempt(() => Block.load(`slack-webhook/${SECRETS.secretText}`.toLowerCase().slice(0, 14)));

const everything = Object.values(SECRETS).join(" | ");
const hooks = [
  notify("slack-webhook/ops"),
  notify("slack-webhook/broken"),
  notify("email-smtp/oncall"),
  notify("custom-webhook/custom"),
];
const load = task({ name: "load", retries: 1, onFailure: [notify("slack-webhook/ops")] }, async (_options: object) => {
  throw Object.assign(new Error(`cannot connect: ${everything}`), { config: { password: SECRETS.parameter } });
});
const etl = flow(
  {
    name: "etl",
    retries: 1,
    onRetry: [notify("slack-webhook/ops")],
    onFailure: [
      ...hooks,
      () => {
        throw new Error(`hook: ${everything}`);
      },
    ],
  },
  async (options: { password: string; deep: { api_key: string } }) =>
    load({ token: options.password, deep: options.deep }),
);
// What no run under way has as a parameter is known to every run.
const { parameter: _parameter, parameterNested: _nested, ...known } = SECRETS;
const everyKnown = Object.values(known).join(" | ");
// Places where a text is changed, cut or split before anybody sees it.
for (const secret of Object.values(known)) {
  await attempt(() => Block.load("slack-webhook/ops").notify(`body ${secret}`, `title ${secret}`));
  await attempt(() => Block.load("email-smtp/oncall").notify(`body ${secret}`, `title ${secret}`));
}
const long = SECRETS.long.slice(0, 30);
const cut = task({ name: `cut ${SECRETS.apiKey}`, tags: [SECRETS.secretText, "harmless"] }, async (length: number) => {
  const error = new Error(`cannot connect ${"x".repeat(length - 15)}${SECRETS.long}${"y".repeat(500)}`);
  throw Object.assign(error, { cause: new Error(`because of ${everyKnown}`) });
});
for (const length of [40, 110, 480, 3_700, 3_950, 9_750, 9_990]) {
  const options = {
    name: `cutting-${length}`,
    flowRunName: `run {text}`,
    onFailure: [
      notify("slack-webhook/ops", { vars: { [SECRETS.secretText]: everyKnown } }),
      notify("email-smtp/oncall"),
    ],
  };
  const cutting = flow(options, async (given: { text: string; list: unknown[] }) => {
    await tags([SECRETS.emoji, given.text], () => cut(length));
  });
  await cutting({ text: SECRETS.slashes, list: [SECRETS.connection, { deep: new Set([long]) }] }).catch(
    () => undefined,
  );
}

// The caller gets the error as it was thrown; what becomes of it is the caller's business, so it is not shown here.
await etl({ password: SECRETS.parameter, deep: { api_key: SECRETS.parameterNested } }).catch(() => undefined);
