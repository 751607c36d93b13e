import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmailServerCredentials } from "../../../blocks/email-server-credentials.ts";
import { EmailSmtp } from "../../../blocks/email-smtp.ts";
import { SlackWebhook } from "../../../blocks/slack-webhook.ts";
import type { Config } from "../../config/config.ts";
import { type Hub, openHub, withHub } from "../../hub.ts";
import type { Received } from "../../inbox/received.ts";
import { type Inbox, startInbox } from "../../inbox/inbox.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { DEMO_SOURCE, demoFlow } from "../demo/demo-flow.ts";
import { type DemoEvent, demoEventJson } from "../demo/demo-event.ts";
import { openScreen, type Screen, showNextSteps } from "../demo/demo-screen.ts";
import { startCommand } from "../demo/start-command.ts";
import { EXIT } from "../exit-code.ts";
import { startProgress } from "../progress.ts";

/** What must arrive: the retry and the failure at Slack, the failure by mail. */
const EXPECTED = { slack: 2, mail: 1 };
const HOST = "127.0.0.1";
/** Far more than a loop over 127.0.0.1 takes. */
const DRAIN_MS = 10_000;

export const demo: CommandSpec = {
  description:
    "Starts a receiver for Slack messages and a mail server on this machine, saves real blocks, runs a flow that fails, " +
    "retries and fails again, and shows what arrived. Needs no account and no network, and leaves nothing behind unless " +
    "--home names a folder. Exit code 0 only if every message arrived.",
  options: [{ flags: "--raw", text: "show the bytes of each message too" }],
  examples: [
    { line: "bellhop demo", text: "watch it" },
    { line: "bellhop demo --raw", text: "with the requests as they came in" },
    {
      line: "bellhop demo --home ./demo && bellhop run ls --home ./demo",
      text: "keep the store, and look around in it",
    },
  ],
  run: async (context) => {
    await using opened = new AsyncDisposableStack();
    const stage = await setStage(context, opened);
    const ok = await withHub(stage.hub, () => play(context, stage));
    if (ok) showNextSteps(context.out, startCommand(context.program));
    context.out.line();
    return ok ? EXIT.ok : EXIT.failed;
  },
};

interface Stage {
  readonly hub: Hub;
  readonly inbox: Inbox;
  readonly config: Config;
  readonly screen: Screen;
  readonly tell: (event: DemoEvent) => void;
}

async function setStage(context: CommandContext, opened: AsyncDisposableStack): Promise<Stage> {
  const { out, options } = context;
  const raw = options.flag("raw");
  const screen = openScreen(out, { raw });
  const tell = (event: DemoEvent): void => (out.json ? out.event(demoEventJson(event, raw)) : screen.show(event));
  out.line(out.paint.bold("Bellhop demo: a flow fails, and people hear of it. Nothing leaves this machine."));
  const config = await demoConfig(context, opened);
  screen.part("Receivers on this machine");
  const inbox = opened.use(
    await startInbox({ host: HOST, onMessage: (message) => tell({ event: "message", message }) }),
  );
  const hub = opened.use(await openHub(config));
  tell({ event: "inbox", slack: inbox.httpUrl, smtp: `${HOST}:${inbox.smtpPort}`, home: config.home });
  return { hub, inbox, config, screen, tell };
}

/** The person's settings, on a store of its own: a temporary one without the system's keychain, or the one of `--home`. */
async function demoConfig({ config, options }: CommandContext, opened: AsyncDisposableStack): Promise<Config> {
  const settings = await config();
  if (options.text("home") !== undefined) return settings;
  const home = await mkdtemp(join(tmpdir(), "bellhop-demo-"));
  opened.defer(() => rm(home, { recursive: true, force: true }));
  return { ...settings, home, keychain: "off" };
}

async function play(context: CommandContext, stage: Stage): Promise<boolean> {
  const { screen, tell, hub, inbox } = stage;
  screen.part("Blocks, saved with their secrets sealed");
  await saveBlocks(stage);
  screen.part("A flow that fails, is retried, and fails again");
  if (!context.out.json) showSource(context);
  const { flowRunId, failedAtMs } = await runFlow(context, stage);
  await hub.drain({ deadlineMs: DRAIN_MS });
  const received = [...inbox.messages];
  showReceived(context, stage, received);
  screen.part("The record: each message was stored with the state that caused it");
  const delivered = await showRecord(stage, flowRunId);
  const slack = received.filter(({ channel }) => channel === "slack").length;
  const mail = received.filter(({ channel }) => channel === "mail").length;
  const ok = delivered && slack === EXPECTED.slack && mail === EXPECTED.mail;
  const last = received.at(-1);
  const afterFailureMs =
    last === undefined || failedAtMs === null ? null : Math.max(0, Math.round(last.receivedAtMs - failedAtMs));
  tell({ event: "result", ok, slack, mail, afterFailureMs });
  return ok;
}

/** What anybody would write in a script of their own. */
async function saveBlocks({ inbox, tell }: Stage): Promise<void> {
  await new SlackWebhook({ url: inbox.slackUrl, format: "attachments" }).save("demo", { overwrite: true });
  tell({ event: "block", ref: "slack-webhook/demo", description: "webhook URL sealed" });
  const credentials = new EmailServerCredentials({
    username: "bellhop-demo",
    password: "a-password-for-the-demo",
    smtp_server: HOST,
    smtp_port: inbox.smtpPort,
    smtp_type: "INSECURE",
  });
  await credentials.save("demo", { overwrite: true });
  tell({ event: "block", ref: "email-server-credentials/demo", description: "password sealed" });
  const mail = new EmailSmtp({ credentials, from: "Bellhop <hub@example.org>", to: ["oncall@example.org"] });
  await mail.save("demo", { overwrite: true });
  tell({ event: "block", ref: "email-smtp/demo", description: "refers to the credentials" });
}

function showSource({ out }: CommandContext): void {
  for (const line of DEMO_SOURCE) out.line(`   ${out.paint.dim(line)}`);
  out.line();
}

async function runFlow(
  { out, clock }: CommandContext,
  { tell }: Stage,
): Promise<{ flowRunId: string | null; failedAtMs: number | null }> {
  using progress = startProgress(out, clock, "running");
  const nightlyOrders = demoFlow((object, name, state) => {
    progress.clear();
    tell({ event: "state", atMs: state.timestampMicros / 1_000, object, name, state: state.toWire() });
    if (state.isRetrying()) progress.update("waiting for the retry");
  });
  const state = await nightlyOrders.run([], { returnState: true });
  return {
    flowRunId: state.stateDetails.flowRunId ?? null,
    failedAtMs: state.isFailed() ? state.timestampMicros / 1_000 : null,
  };
}

function showReceived({ out }: CommandContext, { screen }: Stage, received: readonly Received[]): void {
  if (out.json) return;
  screen.part("What Slack received");
  for (const message of received) if (message.channel !== "mail") screen.card(message);
  screen.part("What the mail server received");
  for (const message of received) if (message.channel === "mail") screen.card(message);
}

/** Shows the deliveries of the run, oldest first; true when all are delivered. */
async function showRecord({ hub, tell }: Stage, flowRunId: string | null): Promise<boolean> {
  const { outbox } = hub.store;
  const deliveries = flowRunId === null ? [] : (await outbox.list({ flowRunId })).toReversed();
  for (const delivery of deliveries)
    tell({ event: "delivery", recorded: { delivery, attempts: await outbox.attempts(delivery.id) } });
  return deliveries.length > 0 && deliveries.every(({ status }) => status === "delivered");
}
