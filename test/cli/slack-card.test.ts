import { describe, expect, it } from "vitest";
import { slackCard } from "../../src/cli/cards/slack-card.ts";
import { plainOf } from "../../src/cli/cards/slack-lines.ts";
import { paintFor } from "../../src/cli/paint.ts";

const plain = paintFor(false, {});

describe("a Slack message in the terminal", () => {
  it("shows text, code and attachments in Slack's order", () => {
    const card = slackCard(plain, 60, {
      text: "❌ nightly failed",
      attachments: [
        {
          color: "#CF222E",
          blocks: [
            {
              type: "rich_text",
              elements: [{ type: "rich_text_preformatted", elements: [{ type: "text", text: "Error: x\n  at y" }] }],
            },
            {
              type: "section",
              fields: [
                { type: "mrkdwn", text: "*Run*\n<https://hub.example/1|calm-fox>" },
                { type: "mrkdwn", text: "*Duration*\n3s" },
              ],
            },
            { type: "actions", elements: [{ type: "button", text: { type: "plain_text", text: "Open run" } }] },
            { type: "context", elements: [{ type: "mrkdwn", text: "<!date^1^{time}|20:18 UTC> &amp; more" }] },
          ],
        },
      ],
    });

    expect(card).toEqual([
      "┃ ❌ nightly failed",
      "┃   Error: x",
      "┃     at y",
      "┃ Run       calm-fox",
      "┃ Duration  3s",
      "┃ [ Open run ]",
      "┃ 20:18 UTC & more",
    ]);
  });

  it("takes the text for a notification only where there are blocks", () => {
    expect(
      slackCard(plain, 60, {
        text: "fallback",
        blocks: [{ type: "section", text: { type: "mrkdwn", text: "*shown*" } }],
      }),
    ).toEqual(["┃ *shown*"]);
  });

  it("shows plain text with its code blocks", () => {
    expect(slackCard(plain, 60, { text: "before\n```\ncode\n```\nafter" })).toEqual([
      "┃ before",
      "┃   code",
      "┃ after",
    ]);
  });

  it("lets no control sequence of the payload reach the terminal", () => {
    expect(slackCard(plain, 60, { text: "a\u001B]0;title\u0007b" })).toEqual(["┃ a\\x1b]0;title\\x07b"]);
  });

  it.each([{ payload: null }, { payload: "text" }, { payload: [] }, { payload: { attachments: "x", blocks: 3 } }])(
    "survives $payload",
    ({ payload }) => {
      expect(slackCard(plain, 60, payload)).toEqual([]);
    },
  );

  it("resolves links and entities once, so that escaped markup stays text", () => {
    expect(plainOf("&lt;https://x.example|y&gt; <https://z.example>")).toBe("<https://x.example|y> https://z.example");
  });
});
