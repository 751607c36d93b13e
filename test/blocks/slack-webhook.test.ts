import { describe, expect, it } from "vitest";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import type { SlackWebhookPlan } from "../../src/channel/channel.ts";
import { channelCases, fullMessage } from "../../src/testing.ts";

const PATH = "/services/T00000000/B00000000/aBcDeFgHiJkLmNoPqRsTuVwX";
const URL_TEXT = `https://hooks.slack.com${PATH}`;

const cases = channelCases(SlackWebhook, {
  config: { url: URL_TEXT },
  message: { body: "Nightly failed" },
  sends: {
    method: "POST",
    path: PATH,
    headers: { "content-type": "application/json" },
    json: { text: "Nightly failed" },
  },
  answers: [
    { status: 200, body: "ok", outcome: "delivered" },
    { status: 200, body: "ok\n", outcome: "delivered" },
    { status: 200, body: '{"ok":true}', outcome: "delivered" },
    { status: 200, body: "", outcome: "invalid-payload" },
    { status: 200, body: "invalid_token", outcome: "forbidden" },
    { status: 200, body: '{"ok":false,"error":"channel_not_found"}', outcome: "not-found" },
    { status: 200, body: '{"ok":tr', outcome: "unexpected-response" },
    { status: 200, body: "<html>login</html>", outcome: "invalid-payload" },
    { status: 400, body: "invalid_payload", outcome: "invalid-payload" },
    { status: 400, body: "no_text", outcome: "invalid-payload" },
    { status: 400, body: "user_not_found", outcome: "not-found" },
    { status: 400, body: "invalid_blocks", outcome: "format" },
    { status: 400, body: "too_many_attachments", outcome: "too-large" },
    { status: 403, body: "action_prohibited", outcome: "forbidden" },
    { status: 403, body: "invalid_token", outcome: "forbidden" },
    { status: 403, body: "posting_to_general_channel_denied", outcome: "forbidden" },
    { status: 404, body: "channel_not_found", outcome: "not-found" },
    { status: 404, body: "no_service", outcome: "gone" },
    { status: 404, body: "no_team", outcome: "gone" },
    { status: 404, body: "no_active_hooks", outcome: "gone" },
    { status: 410, body: "channel_is_archived", outcome: "gone" },
    {
      status: 429,
      body: "rate_limited",
      headers: { "retry-after": "30" },
      outcome: "rate-limited",
      retryAfterMs: 30_000,
    },
    { status: 429, body: "rate_limited", outcome: "rate-limited", retryAfterMs: 5_000 },
    { status: 429, headers: { "retry-after": "7200" }, outcome: "quota", retryAfterMs: 7_200_000 },
    { status: 500, body: "rollup_error", outcome: "server" },
    { status: 500, body: "invalid_token", outcome: "server" },
    { status: 302, headers: { location: "http://169.254.169.254/" }, outcome: "redirect" },
  ],
});

const plan = (
  message: Parameters<typeof fullMessage>[0],
  config: Partial<ConstructorParameters<typeof SlackWebhook>[0]> = {},
  degrade?: "plain" | "shrink",
) => {
  const block = new SlackWebhook({ url: URL_TEXT, ...config });
  const input = { config: block, message: fullMessage(message) };
  return SlackWebhook.channel.build(degrade === undefined ? input : { ...input, degrade }) as SlackWebhookPlan;
};

const classified = (status: number, text: string, url = URL_TEXT) =>
  SlackWebhook.channel.classify?.({ status, headers: {}, text }, { executor: "slack-webhook", url, payload: {} });

describe("slack-webhook", () => {
  it.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it.each(["invalid_token", "no_service", "no_team", "no_active_hooks", "channel_is_archived"])(
    "stops using the block after %s",
    (code) => {
      expect(classified(403, code)).toMatchObject({ kind: "permanent", disableBlock: true, detail: `slack: ${code}` });
    },
  );

  it.each([
    { code: "invalid_blocks", degrade: "plain" },
    { code: "invalid_attachments", degrade: "plain" },
    { code: "msg_blocks_too_long", degrade: "shrink" },
    { code: "msg_too_long", degrade: "shrink" },
  ])("asks for another form after $code", ({ code, degrade }) => {
    expect(classified(400, code)).toMatchObject({ kind: "permanent", degrade });
  });

  it("builds blocks from title, text, facts, links and tags", () => {
    const { payload } = plan({
      title: "nightly-etl failed",
      body: "Task *load* raised `TimeoutError`.",
      fields: [{ name: "Flow", value: "nightly-etl", short: true }],
      links: [{ label: "Open run", url: "https://hub.example/runs/1?a=b&c=d", primary: true }],
      tags: ["prod", "<etl>"],
    });

    expect(payload).toEqual({
      text: "nightly-etl failed",
      blocks: [
        { type: "header", text: { type: "plain_text", text: "nightly-etl failed", emoji: true } },
        { type: "section", text: { type: "mrkdwn", text: "Task *load* raised `TimeoutError`." } },
        { type: "section", fields: [{ type: "mrkdwn", text: "*Flow*\nnightly-etl" }] },
        { type: "section", text: { type: "mrkdwn", text: "<https://hub.example/runs/1?a=b&amp;c=d|Open run>" } },
        {
          type: "context",
          elements: [
            {
              type: "mrkdwn",
              text: "prod · &lt;etl&gt; · <!date^1767323045^{date_short_pretty} {time}|2026-01-02T03:04:05.000Z>",
            },
          ],
        },
      ],
      unfurl_links: false,
      unfurl_media: false,
    });
  });

  it("adds a colour bar from the severity, or from notify_type where the message has none", () => {
    const colorOf = ({ payload }: SlackWebhookPlan) => JSON.stringify(payload).match(/#[0-9A-F]{6}/)?.[0];

    expect(colorOf(plan({ title: "t", body: "b", severity: "error" }, { format: "attachments" }))).toBe("#CF222E");
    expect(colorOf(plan({ title: "t", body: "b" }, { format: "attachments", notify_type: "success" }))).toBe("#2DA44E");
  });

  it("sends one text when the format is text, or when Slack refused the blocks", () => {
    const parts = { title: "A & B", body: "text", fields: [{ name: "Flow", value: "etl" }], native: { blocks: [] } };

    expect(plan({ ...parts }, {}, "plain").payload).toMatchObject({ blocks: [] });
    const { native: _dropped, ...plain } = parts;
    expect(plan(plain, {}, "plain").payload).toEqual({ text: "*A &amp; B*\ntext\n*Flow:* etl" });
    expect(plan(plain, { format: "text" }).payload).toEqual({ text: "*A &amp; B*\ntext\n*Flow:* etl" });
  });

  it("passes provider JSON on, a bare list as blocks", () => {
    const blocks = [{ type: "divider" }];

    expect(plan({ title: "T", body: "b", native: { text: "own", blocks } }).payload).toMatchObject({
      text: "own",
      blocks,
    });
    expect(plan({ title: "T", body: "b", native: blocks }).payload).toMatchObject({ text: "T", blocks });
  });

  it("puts each optional field into the request", () => {
    expect(plan({ body: "b" }, { username: "Bell", icon_emoji: ":bell:", thread_ts: "1.2" }).payload).toEqual({
      text: "b",
      username: "Bell",
      icon_emoji: ":bell:",
      thread_ts: "1.2",
    });
    expect(plan({ body: "b" }, { allow_private_urls: false }).allowPrivateUrls).toBe(false);
  });

  it("posts a flat object to a workflow, and takes an empty answer for success", () => {
    const url = "https://hooks.slack.com/workflows/T0/A0/1/abcdefgh";
    const message = {
      title: "T <!channel>",
      body: "b",
      severity: "error",
      links: [{ label: "l", url: "https://x.example/" }],
    } as const;

    expect(plan(message, { url }).payload).toEqual({
      title: "T &lt;!channel&gt;",
      message: "b",
      severity: "error",
      url: "https://x.example/",
    });
    expect(classified(200, "", url)).toEqual({ kind: "delivered" });
  });

  it("splits a long text over sections without tearing a code fence", () => {
    const body = `Intro\n\`\`\`\n${"  a line of a stack trace\n".repeat(300)}\`\`\`\nend`;
    const { payload } = plan({ title: "T", body });
    const sections = (payload["blocks"] as { type: string; text?: { text: string } }[]).filter(
      ({ type }) => type === "section",
    );

    expect(sections.length).toBeGreaterThan(2);
    for (const { text } of sections) {
      expect(text?.text.length).toBeLessThanOrEqual(3_000);
      expect((text?.text.split("```").length ?? 0) % 2).toBe(1);
    }
    expect(
      sections
        .map(({ text }) => text?.text)
        .join("")
        .match(/  a line of a stack trace/g),
    ).toHaveLength(300);
  });

  it("lets nothing hostile in title, tags or links open markup or ping anybody", () => {
    const hostile = "<!channel> @everyone <users/all> </at> *_~|`\r\n\u202e\ud800";
    const { payload } = plan({
      title: hostile,
      body: "fine",
      fields: [{ name: "<@U1>", value: "<!subteam^S1> <https://x.example/|kept>" }],
      tags: [hostile],
      links: [
        { label: "x>|<!here>", url: "https://x.example/|<!channel>" },
        { label: "js", url: "javascript:alert(1)" },
      ],
    });
    const texts = JSON.stringify(payload, (key, value: unknown) =>
      key === "text" && JSON.stringify(value).includes("plain_text") ? undefined : value,
    );

    expect(texts).not.toContain("<!channel>");
    expect(texts).not.toContain("<!here>");
    expect(texts).not.toContain("<@U1>");
    expect(texts).not.toContain("<!subteam");
    expect(texts).toContain("<https://x.example/|kept>");
    expect(texts).not.toContain("javascript:");
    expect(texts).toContain("https://x.example/%7C&lt;!channel&gt;");
  });

  it.each([
    { url: "http://hooks.slack.com/services/T/B/secretsecret", why: "https" },
    { url: "ftp://hooks.slack.com/services/T/B/secretsecret", why: "web address" },
    { url: "https://user:pass@hooks.slack.com/services/T/B/secretsecret", why: "web address" },
    { url: "https://hooks.slack.com/services/T/B /secretsecret", why: "web address" },
    { url: "not a url secretsecret", why: "web address" },
  ])("refuses an address that cannot work, without quoting it ($why)", ({ url, why }) => {
    const make = () => new SlackWebhook({ url });

    expect(make).toThrow(expect.objectContaining({ code: "block_validation_failed" }));
    expect(make).toThrow(why);
    expect(make).not.toThrow("secretsecret");
  });

  it("trims white space around a pasted address", () => {
    expect(new SlackWebhook({ url: ` ${URL_TEXT}\n` }).url.reveal()).toBe(URL_TEXT);
  });

  it("refuses other hosts when told to", () => {
    expect(() => new SlackWebhook({ url: "https://mattermost.example/hooks/abc", allow_custom_host: false })).toThrow(
      "hooks.slack.com",
    );
    expect(
      () => new SlackWebhook({ url: "https://hooks.slack-gov.com/services/T/B/x", allow_custom_host: false }),
    ).not.toThrow();
  });
});
