import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SecretBlock } from "../../../blocks/secret.ts";
import type { SlackWebhookPlan } from "../../../src/channel/channel.ts";
import { flow } from "../../../src/flow.ts";
import { slackNotifier, type SlackNotifierOptions } from "../../../src/hooks/ready/slack-notifier.ts";
import { startInbox } from "../../../src/inbox/inbox.ts";
import { AwaitingRetry, Completed, Failed, Pending, Running } from "../../../src/states/constructors.ts";
import { keepThrown, type State } from "../../../src/states/state.ts";
import { task } from "../../../src/task.ts";
import { openTestBlocks, type TestBlocks, type TestBlocksOptions } from "../../support/block-context.ts";
import { slackProblems } from "../../support/block-kit.ts";
import { coded, rejected } from "../../support/coded.ts";
import { openTestHub } from "../../support/hub.ts";

const URL = "https://hooks.slack.com/services/T000/B000/notifier-t0ken";
const object = task({ name: "load" }, () => 1);
const old = Pending();

let blocks: TestBlocks;
const open = async (options?: TestBlocksOptions): Promise<void> => {
  blocks = await openTestBlocks(options);
};
beforeEach(() => open({ env: { SLACK_WEBHOOK_URL: URL } }));
afterEach(() => blocks[Symbol.asyncDispose]());

const tell = (state: State, options?: SlackNotifierOptions): Promise<unknown> =>
  blocks.within(async () => slackNotifier(options)(object, old, state));

interface Attachment {
  readonly color: string;
  readonly fallback: string;
  readonly blocks: readonly { readonly type: string; readonly text?: { readonly text: string } }[];
}

const plans = (): SlackWebhookPlan[] =>
  // The Slack block makes no other plans.
  blocks.sent.map(({ plan }) => plan as SlackWebhookPlan);

function attachment(): Attachment {
  const payload = plans()[0]?.payload;
  expect(slackProblems(payload)).toEqual([]);
  // As just checked.
  return (payload as unknown as { attachments: Attachment[] }).attachments[0] as Attachment;
}

const failedBy = (error: unknown): State => {
  const state = Failed({ message: "Task run failed with Error: oops!" });
  keepThrown(state, error);
  return state;
};

describe("slackNotifier", () => {
  it("posts an attachment with colour, title and message, and keeps the state", async () => {
    const state = Completed({ message: "All <states> completed." });

    expect(await tell(state)).toBe(state);

    expect(plans().map(({ url }) => url)).toEqual([URL]);
    const { color, fallback, blocks: parts } = attachment();
    expect(color).toBe("#2DA44E");
    expect(fallback).toBe("load is now in a Completed state");
    expect(parts.map(({ text }) => text?.text)).toContain("All &lt;states&gt; completed.");
  });

  it.each([
    [Running(), "#2F81F7"],
    [AwaitingRetry(), "#D29922"],
    [Failed(), "#CF222E"],
  ])("colours %s", async (state, color) => {
    await tell(state);

    expect(attachment().color).toBe(color);
  });

  it("shows the error as a code block, which the error cannot end", async () => {
    await tell(failedBy(new TypeError("a < b ``` <!channel>")));

    const texts = attachment().blocks.map(({ text }) => text?.text);
    expect(texts).toContain("```TypeError: a &lt; b ''' &lt;!channel&gt;```");
  });

  it("shows the message of a failure whose error is not at hand", async () => {
    await tell(Failed({ message: "1/2 states failed." }));

    expect(attachment().blocks.map(({ text }) => text?.text)).toContain("1/2 states failed.");
  });

  it("has no link outside a run", async () => {
    await tell(Failed());

    expect(JSON.stringify(plans()[0]?.payload)).not.toContain("http");
  });
});

describe("the states that slackNotifier tells", () => {
  it.each([
    { options: {}, told: ["Running", "AwaitingRetry", "Failed", "TimedOut", "Completed"] },
    { options: { ignoreStates: ["Running", "SCHEDULED"] }, told: ["Failed", "TimedOut", "Completed"] },
    { options: { onlyStates: ["TimedOut", "Completed"] }, told: ["TimedOut", "Completed"] },
    { options: { onlyStates: ["FAILED"] }, told: ["Failed", "TimedOut"] },
    { options: { onlyStates: new Set(["FAILED"]), ignoreStates: ["TimedOut"] }, told: ["Failed"] },
    { options: { onlyStates: [] }, told: ["Running", "AwaitingRetry", "Failed", "TimedOut", "Completed"] },
  ])("are chosen by name or type: $options", async ({ options, told }) => {
    const states = [Running(), AwaitingRetry(), Failed(), Failed({ name: "TimedOut" }), Completed()];

    for (const state of states) expect(await tell(state, options)).toBe(state);

    const titles = blocks.sent.map(({ request }) => request.message.title);
    expect(titles).toEqual(told.map((name) => `load is now in a ${name} state`));
  });

  it("are chosen before the secret is read, so that an absent secret harms no other state", async () => {
    await blocks[Symbol.asyncDispose]();
    await open();
    const running = Running();

    expect(await tell(running, { onlyStates: ["Failed"] })).toBe(running);
    expect(await tell(running, { ignoreStates: ["RUNNING"] })).toBe(running);
    expect((await rejected(tell(Failed(), { onlyStates: ["Failed"] }))).code).toBe("block_not_found");
  });
});

describe("the webhook of slackNotifier", () => {
  it("is the saved secret of that name before the plain environment variable", async () => {
    const saved = "https://hooks.slack.com/services/T000/B000/saved-t0ken";
    await blocks.within(() => new SecretBlock({ value: saved }).save("slack-webhook-url"));

    await tell(Failed());

    expect(plans()[0]?.url).toBe(saved);
  });

  it("has another name when one is given", async () => {
    const other = "https://hooks.slack.com/services/T000/B000/other-t0ken";
    await blocks[Symbol.asyncDispose]();
    await open({ env: { BELLHOP_SECRET__OPS_HOOK: other } });

    await tell(Failed(), { webhookSecret: "OPS_HOOK" });

    expect(plans()[0]?.url).toBe(other);
  });

  it("must be an address", async () => {
    await blocks[Symbol.asyncDispose]();
    await open({ env: { SLACK_WEBHOOK_URL: "not-an-address-s3cret" } });

    const error = await rejected(tell(Failed()));

    expect(error.code).toBe("block_validation_failed");
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain("s3cret");
  });

  it("that refuses the post makes the handler throw", async () => {
    blocks.outcome = { kind: "permanent", reason: "gone", detail: "slack: no_service" };

    expect(await rejected(tell(Failed()))).toMatchObject({ code: "delivery_failed", details: { reason: "gone" } });
  });

  it("does not show in the error when it echoes its own address", async () => {
    const echo = createServer((request, response) => response.writeHead(404).end(`no ${request.url} here`));
    await once(echo.listen(0, "127.0.0.1"), "listening");
    // A server on a TCP port has such an address.
    const { port } = echo.address() as AddressInfo;
    await using test = await openTestHub();
    const url = `http://127.0.0.1:${port}/services/T000/B000/echoed-t0ken`;
    await test.within(() => new SecretBlock({ value: url }).save("slack-webhook-url"));

    const error = await rejected(test.within(async () => slackNotifier()(object, old, Failed())));
    await new Promise((resolve) => echo.close(resolve));

    expect(error.code).toBe("delivery_failed");
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain("t0ken");
  });
});

describe("slackNotifier on a flow and its tasks", () => {
  it("links to the run that it tells of, unless it is told not to", async () => {
    await using inbox = await startInbox({ host: "127.0.0.1", httpPort: 0, smtpPort: 0 });
    await using test = await openTestHub({ uiUrl: "https://hub.example" });
    await test.within(() => new SecretBlock({ value: `${inbox.httpUrl}/services/T/B/c` }).save("slack-webhook-url"));
    const onlyStates = ["Completed"];
    const linked = slackNotifier({ onlyStates });
    const inner = task({ name: "inner" }, () => 1);
    const outer = flow(
      {
        name: "outer",
        stateHandlers: [linked, slackNotifier({ onlyStates, backendInfo: false })],
        taskStateHandlers: [linked],
      },
      () => inner(),
    );

    await test.within(() => outer());

    const links = inbox.messages.map(({ raw }) => /https:\/\/hub\.example\/[^|]*/.exec(raw)?.[0]);
    expect(links).toEqual([
      expect.stringMatching(/\/task-runs\/task-run\/[0-9a-f-]{36}$/),
      expect.stringMatching(/\/flow-runs\/flow-run\/[0-9a-f-]{36}$/),
      undefined,
    ]);
  });

  it("fails the run when the post is refused, as Prefect 1 does", async () => {
    await using inbox = await startInbox({ host: "127.0.0.1", httpPort: 0, smtpPort: 0 });
    await using test = await openTestHub();
    const tokened = `${inbox.httpUrl}/services/T/B/refused-t0ken`;
    await test.within(() => new SecretBlock({ value: tokened }).save("slack-webhook-url"));
    inbox.answerNext({ status: 404, body: `no_service ${tokened}` });
    const subject = task({ name: "subject", stateHandlers: [slackNotifier({ onlyStates: ["Completed"] })] }, () => 1);

    const state = await test.within(() => subject.run([], { returnState: true }));

    expect(state.isFailed()).toBe(true);
    expect(state.message).toMatch(/^State handler slackNotifier failed with DeliveryFailedError/);
    expect(JSON.stringify(state)).not.toContain("t0ken");
  });
});

describe("options of slackNotifier", () => {
  it.each([
    [{ onlyStates: "Failed" }, /list of state names or types/],
    [{ ignoreStates: [Failed()] }, /list of state names or types/],
    [{ webhookSecret: "" }, /webhookSecret/],
    [{ backendInfo: "no" }, /true or false/],
    [{ channel: "#ops" }, /no such option \(there are: ignoreStates, onlyStates, backendInfo, webhookSecret\)/],
    ["Failed", /an object is needed/],
  ])("are refused when they are %o", (options, message) => {
    // A caller without types.
    const make = () => slackNotifier(options as never);

    expect(make).toThrow(message);
    expect(coded(make).code).toBe("invalid_definition");
  });
});
