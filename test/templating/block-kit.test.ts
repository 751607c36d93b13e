import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { fitMessage } from "../../src/channel/fit-message.ts";
import type { Message } from "../../src/channel/message.ts";
import { openCatalog } from "../../src/templating/catalog.ts";
import type { RunMessage } from "../../src/templating/context.ts";
import { renderMessage } from "../../src/templating/render.ts";
import { SAMPLES, sampleFor } from "../../src/templating/samples.ts";
import { slackProblems } from "../support/block-kit.ts";

const catalog = openCatalog({ templatesDir: null });
const names = catalog.list().map(({ name }) => name);
const { limits, build } = SlackWebhook.channel;

const native = async (name: string, context: RunMessage): Promise<unknown> =>
  (await renderMessage({ catalog, name, dialect: "slack-mrkdwn", limits, context, variants: ["slack.json"] })).native;

function payloadOf(parts: Partial<Message>, format: "blocks" | "attachments" | "text"): unknown {
  const message: Message = {
    deliveryId: "0198f2d4-0000-7000-8000-000000000001",
    conversationKey: null,
    severity: "error",
    title: "",
    body: "",
    fields: [],
    links: [],
    tags: [],
    occurredAt: "2026-03-02T02:14:09Z",
    truncated: false,
    ...parts,
  };
  const config = new SlackWebhook({ url: "https://hooks.slack.com/services/T0/B0/x", format });
  const plan = build({ config, message: fitMessage(message, limits) });
  return "payload" in plan ? plan.payload : null;
}

/** Short odd texts, and long ones that shrink in few steps. */
const odd = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc
    .tuple(fc.constantFrom("x", "<&> ", "a\n", "```\n", "🎉 "), fc.integer({ min: 0, max: 9_000 }))
    .map(([unit, chars]) => unit.repeat(chars / unit.length)),
);

describe("Block Kit", () => {
  it.each(names.flatMap((name) => SAMPLES.map((sample) => ({ name, sample }))))(
    "$name is what Slack takes ($sample)",
    async ({ name, sample }) => {
      expect(slackProblems(await native(name, sampleFor(name, sample)))).toEqual([]);
    },
  );

  it("stays what Slack takes, whatever a run is named and says", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        odd,
        odd,
        fc.array(odd, { maxLength: 30 }),
        async (name, text, run, tags) => {
          const sample = sampleFor(name, "normal");
          const context: RunMessage = {
            ...sample,
            title: text,
            state: { ...sample.state, message: text },
            ...(sample.flow_run == null ? {} : { flow_run: { ...sample.flow_run, name: run, tags } }),
            ...(sample.error == null ? {} : { error: { ...sample.error, message: text, stack: run } }),
          };

          expect(slackProblems(await native(name, context))).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("holds for messages without a template, in every format", () => {
    const field = fc.record({ name: fc.string({ minLength: 1 }), value: odd });
    fc.assert(
      fc.property(
        fc.record({
          title: odd,
          body: odd.filter((text) => text.trim() !== ""),
          fields: fc.array(field, { maxLength: 14 }),
        }),
        fc.constantFrom("blocks", "attachments", "text"),
        (parts, format) => {
          expect(slackProblems(payloadOf(parts, format))).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    { flaw: "an unknown block", payload: { text: "t", blocks: [{ type: "image" }] } },
    {
      flaw: "an empty text",
      payload: { text: "t", blocks: [{ type: "section", text: { type: "mrkdwn", text: "" } }] },
    },
    { flaw: "a section of nothing", payload: { text: "t", blocks: [{ type: "section" }] } },
    {
      flaw: "a colour by name",
      payload: { text: "t", attachments: [{ color: "red", fallback: "t", blocks: [{ type: "divider" }] }] },
    },
  ])("the check itself refuses $flaw", ({ payload }) => {
    expect(slackProblems(payload)).not.toEqual([]);
  });
});
