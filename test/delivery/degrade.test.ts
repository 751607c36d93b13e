import { afterEach, describe, expect, it } from "vitest";
import { CustomWebhook } from "../../blocks/custom-webhook.ts";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { type BlockContext, withBlockContext } from "../../src/block/ambient.ts";
import { openTransport } from "../../src/channel/open-transport.ts";
import { openDeliver } from "../../src/delivery/deliver.ts";
import type { Delivery } from "../../src/delivery/delivery.ts";
import { plainPayload, runPayload } from "../../src/delivery/payload.ts";
import { decide } from "../../src/delivery/retry-policy.ts";
import { startInbox } from "../../src/inbox/inbox.ts";
import type { HttpAnswerScript, ReceivedRequest } from "../../src/inbox/received.ts";
import { openCatalog } from "../../src/templating/catalog.ts";
import { exampleContexts } from "../../src/templating/example-contexts.ts";
import { openTestBlocks } from "../support/block-context.ts";
import { openRig, SERVER_ERROR } from "./rig.ts";

const SLACK = "slack-webhook/ops";
const PAYLOAD = runPayload({ template: "run-failed", severity: "error", vars: {}, context: exampleContexts.normal });

const slack = (status: number, body: string): HttpAnswerScript => ({ status, body });
const OK = slack(200, "ok");
const INVALID_BLOCKS = slack(400, "invalid_blocks");

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** A saved Slack block, with a webhook for what it does not take, a receiver that stands for both, and a dispatcher. */
async function openPost() {
  const rig = stack.use(await openRig());
  const blocks = stack.use(await openTestBlocks());
  const inbox = stack.use(await startInbox({ smtpPort: null }));
  const { clock } = rig;
  const transport = stack.use(openTransport({ clock, log: silentLogger, inbox: rig.store.inbox, version: "0" }));
  const context: BlockContext = { ...blocks.context, transport, clock };
  await withBlockContext(context, async () => {
    await SlackWebhook.register();
    await CustomWebhook.register();
    await new SlackWebhook({ url: inbox.slackUrl, fallback: "custom-webhook/rest" }).save("ops");
    const url = `${inbox.httpUrl}/rest`;
    await new CustomWebhook({ name: "rest", url, json_data: { title: "{{subject}}", body: "{{body}}" } }).save("rest");
  });
  rig.start({ deliver: openDeliver({ catalog: openCatalog({ templatesDir: null }), transport, context, clock }) });
  const settled = async (id: string | undefined, attempts: number): Promise<Delivery> => {
    for (;;) {
      const delivery = await rig.read(id);
      if (delivery.attempts >= attempts && delivery.status !== "sending") return delivery;
      await clock.settle(1);
    }
  };
  const posts = () => inbox.messages as readonly ReceivedRequest[];
  return { rig, clock, inbox, settled, posts };
}

const isRich = ({ raw }: ReceivedRequest): boolean => raw.includes('"blocks":');

describe("a message whose form is refused", () => {
  it("is sent once more, plainer, in the same attempt; the delivery remarks it", async () => {
    const { rig, inbox, settled, posts } = await openPost();
    inbox.answerNext(INVALID_BLOCKS, OK);

    const [id = ""] = await rig.enqueue({ destination: SLACK, payload: PAYLOAD });
    await settled(id, 1);

    expect(posts().map(isRich)).toEqual([true, false]);
    expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 1 });
    expect((await rig.outbox.attempts(id))[0]?.outcome).toEqual({
      kind: "delivered",
      warnings: ["degraded to plain: slack: invalid_blocks"],
    });
  });

  it("is plain on every later attempt, and is not refused twice", async () => {
    const { rig, clock, inbox, settled, posts } = await openPost();
    inbox.answerNext(INVALID_BLOCKS, slack(503, "busy"), OK);

    const [id = ""] = await rig.enqueue({ destination: SLACK, payload: PAYLOAD });
    const waiting = await settled(id, 1);
    expect(waiting).toMatchObject({ status: "queued", reason: "server", payload: { degrade: "plain" } });
    await clock.advance(waiting.nextAttemptAtMs - clock.now());
    await settled(id, 2);

    expect(posts().map(isRich)).toEqual([true, false, false]);
    expect((await rig.outbox.attempts(id)).at(-1)?.outcome).toEqual({
      kind: "delivered",
      warnings: ["degraded to plain: as an earlier attempt had to be"],
    });
  });

  it("is given up when the plain form is refused as well, and goes to the fallback with the reason", async () => {
    const { rig, inbox, settled, posts } = await openPost();
    inbox.answerNext(INVALID_BLOCKS, INVALID_BLOCKS);

    const [id] = await rig.enqueue({ destination: SLACK, payload: PAYLOAD });
    expect(await settled(id, 1)).toMatchObject({
      status: "dead",
      reason: "format",
      detail: "slack: invalid_blocks (sent plain: slack: invalid_blocks)",
    });
    await inbox.received(3);

    const body = JSON.stringify(posts()[2]?.json);
    expect(posts()[2]?.path).toBe("/rest");
    expect(body).toContain("Sent here because slack-webhook/ops did not take it. format: slack: invalid_blocks");
    expect(body).toContain(exampleContexts.normal.flow?.name);
  });

  it("does not count as trouble of the destination", async () => {
    const { rig, inbox, settled } = await openPost();
    inbox.answerNext(INVALID_BLOCKS, INVALID_BLOCKS);

    const [id] = await rig.enqueue({ destination: SLACK, payload: PAYLOAD });
    await settled(id, 1);

    expect(await rig.outbox.readHealth(SLACK)).toBeNull();
  });

  it("does not delay another destination", async () => {
    const { rig, clock, inbox, settled } = await openPost();
    // The plain form hangs.
    inbox.answerNext(INVALID_BLOCKS, "hang");
    const [refused] = await rig.enqueue({ destination: SLACK, payload: PAYLOAD });
    await inbox.received(2);

    const [other] = await rig.enqueue({ destination: "custom-webhook/rest", payload: PAYLOAD });
    await inbox.received(3);
    await clock.settle(50);
    await clock.advance(100);
    await settled(other, 1);

    expect(await rig.read(other)).toMatchObject({ status: "delivered" });
    expect(await rig.read(refused)).toMatchObject({ status: "sending" });
  });
});

describe("plain text for people", () => {
  it("is escaped for the channel that gets it", async () => {
    const { rig, settled, posts } = await openPost();
    const payload = plainPayload("test/a is failing", "Last answer: <!channel> & *co*");

    const [id] = await rig.enqueue({ destination: SLACK, payload });
    await settled(id, 1);

    expect(JSON.stringify(posts()[0]?.json)).toContain("Last answer: &lt;!channel&gt; &amp; *co*");
    expect(await rig.read(id)).toMatchObject({ status: "delivered" });
  });
});

describe("what is stored of a degraded delivery", () => {
  const input = {
    outcome: SERVER_ERROR,
    profile: "chat",
    history: [],
    startedAtMs: 0,
    nowMs: 0,
    random: () => 0.5,
  } as const;
  const delivery = { attempts: 0, createdAtMs: 0, expiresAtMs: null, uncertain: false, providerId: null };

  it("is the form, beside who still lacks the message", () => {
    const payload = { body: "b", only: ["x"] };

    expect(decide({ ...input, delivery: { ...delivery, payload }, degraded: "shrink" })).toMatchObject({
      payload: { body: "b", only: ["x"], degrade: "shrink" },
    });
  });

  it("is not written again when it is there", () => {
    const payload = { body: "b", degrade: "shrink" };

    expect(decide({ ...input, delivery: { ...delivery, payload }, degraded: "shrink" })).not.toHaveProperty("payload");
  });
});
