import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/base/json.ts";
import { openCatalog } from "../../src/templating/catalog.ts";
import { checkVariant, mrkdwnTexts, variantGroups } from "../../src/templating/check.ts";
import { RunMessage } from "../../src/templating/context.ts";
import type { Dialect } from "../../src/templating/dialect.ts";
import { loadEngine } from "../../src/templating/engine.ts";
import { exampleContexts } from "../../src/templating/example-contexts.ts";
import { renderMessage } from "../../src/templating/render.ts";
import { SAMPLES, sampleFor } from "../../src/templating/samples.ts";

const catalog = openCatalog({ templatesDir: null });
const names = catalog.list().map(({ name }) => name);
const LIMITS = { title: { max: 150, unit: "utf16" }, body: { max: 100_000, unit: "utf16" } } as const;

const render = (name: string, dialect: Dialect, context: RunMessage) =>
  renderMessage({ catalog, name, dialect, limits: LIMITS, context });

/** Block Kit in short: one line per block, texts and buttons only. */
function outline(value: JsonValue | undefined, depth = 0): string {
  if (typeof value !== "object" || value === null) return "";
  if (Array.isArray(value)) return value.map((item: JsonValue) => outline(item, depth)).join("");
  const member = (name: string): JsonValue | undefined => Object.entries(value).find(([key]) => key === name)?.[1];
  const line = [
    member("type"),
    typeof member("text") === "string" ? JSON.stringify(member("text")) : undefined,
    member("color"),
    member("url"),
  ].filter((part) => part !== undefined);
  const own = line.length === 0 ? "" : `${"  ".repeat(depth)}${line.join(" ")}\n`;
  return (
    own +
    ["attachments", "blocks", "text", "fields", "elements"].map((name) => outline(member(name), depth + 1)).join("")
  );
}

describe("built-in templates", () => {
  it("are complete: each message in each form", () => {
    expect(Object.fromEntries(catalog.list().map(({ name, variants }) => [name, variants]))).toMatchInlineSnapshot(`
      {
        "default": [
          "email",
          "slack",
          "slack.json",
          "text",
        ],
        "run-cancelled": [
          "email",
          "slack",
          "slack.json",
          "text",
        ],
        "run-completed": [
          "email",
          "slack",
          "slack.json",
          "text",
        ],
        "run-crashed": [
          "email",
          "slack",
          "slack.json",
          "text",
        ],
        "run-failed": [
          "email",
          "slack",
          "slack.json",
          "text",
        ],
        "run-retrying": [
          "email",
          "slack",
          "slack.json",
          "text",
        ],
      }
    `);
  });

  it.each(names)("%s has no problem in any variant", async (name) => {
    const engine = await loadEngine();

    expect(variantGroups(catalog.sources(name)).flatMap((files) => checkVariant(files, catalog, engine))).toEqual([]);
  });

  it("name their context in the first line", () => {
    const root = new URL("../../templates/", import.meta.url);
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".hbs"));

    expect(
      files.filter(
        (file) => !/^\{\{!-- .*(?:RunMessage|parameters: ).*--\}\}\n/.test(readFileSync(new URL(file, root), "utf8")),
      ),
    ).toEqual([]);
    expect(files.length).toBeGreaterThan(20);
  });

  it.each(SAMPLES)("have a %s sample that fits the context's schema", (sample) => {
    for (const name of names) expect(RunMessage.safeParse(sampleFor(name, sample)).error).toBeUndefined();
  });
});

describe("built-in text", () => {
  it("of a failed run", async () => {
    expect(
      (
        await renderMessage({
          catalog,
          dialect: "text",
          limits: { body: LIMITS.body },
          context: sampleFor("run-failed", "normal"),
        })
      ).body,
    ).toMatchInlineSnapshot(`
      "[prod] nightly-etl/crimson-fox failed: ValueError: bad row 17 in orders.csv

      Flow: nightly-etl (version 4f1c9a5)
      Run: crimson-fox
      State: Failed, 2026-03-02 03:14 CET
      Attempt: 3 of 3
      Duration: 12m 4s
      Tags: prod, etl
      Environment: prod

          ValueError: bad row 17 in orders.csv
          expected 12 columns, got 11
              at parseRow (flows/etl/parse.ts:88:11)
              at load (flows/etl/load.ts:41:7)
              at nightlyEtl (flows/etl/main.ts:19:3)

      https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44"
    `);
  });

  it.each(["run-crashed", "run-completed", "run-retrying", "run-cancelled", "default"])("of %s", async (name) => {
    const { title, body } = await render(name, "text", sampleFor(name, "normal"));

    expect(`${title}\n---\n${body}`).toMatchSnapshot();
  });

  it("says what is known of a task outside a flow", async () => {
    const { flow_run: run, ...rest } = exampleContexts.normal;
    const task = {
      id: "t1",
      name: "load-0",
      task_name: "load",
      task_key: "k",
      dynamic_key: "0",
      tags: ["x"],
      state_name: "Failed",
      state_type: rest.state.type,
      state: rest.state,
      run_count: 1,
      start_time: null,
      end_time: null,
      duration_seconds: 2.5,
      flow_run_id: null,
      url: null,
    };
    const context: RunMessage = {
      ...rest,
      flow: null,
      flow_run: null,
      task_run: task,
      retry: null,
      links: { run: null, flow: null, logs: null },
    };

    expect(run).not.toBeNull();
    expect((await render("run-failed", "text", context)).body).toContain(
      "Task: load-0\nState: Failed, 2026-03-02 03:14 CET\nDuration: 2.5s\nTags: x".replace("2.5s", "3s"),
    );
  });
});

describe("built-in Slack message", () => {
  it("of a failed run", async () => {
    const { native, body, title } = await render("run-failed", "slack-json", sampleFor("run-failed", "normal"));

    expect(title).toBe("[prod] nightly-etl/crimson-fox failed: ValueError: bad row 17 in orders.csv");
    expect(outline(native)).toMatchInlineSnapshot(`
      ""<!subteam^S012> ❌ [prod] nightly-etl/crimson-fox failed: ValueError: bad row 17 in orders.csv"
        #CF222E
          rich_text
            rich_text_preformatted
              text "ValueError: bad row 17 in orders.csv\\nexpected 12 columns, got 11\\n    at parseRow (flows/etl/parse.ts:88:11)\\n    at load (flows/etl/load.ts:41:7)\\n    at nightlyEtl (flows/etl/main.ts:19:3)"
          section
            mrkdwn "*Flow*\\n<https://hub.example/flows/nightly-etl|nightly-etl>"
            mrkdwn "*Run*\\n<https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44|crimson-fox>"
            mrkdwn "*Attempt*\\n3 of 3"
            mrkdwn "*Duration*\\n12m 4s"
            mrkdwn "*Tags*\\n\`prod\` \`etl\` "
          actions
            button https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44
              plain_text "Open run"
            button https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44/logs
              plain_text "Logs"
          context
            mrkdwn "Failed · <!date^1772417649^{date_short_pretty} {time}|2026-03-02 03:14 CET> · prod · Bellhop"
      "
    `);
    expect(body).toMatchInlineSnapshot(`
      "<!subteam^S012> ❌ *[prod] nightly-etl/crimson-fox failed: ValueError: bad row 17 in orders.csv*
      Failed · <!date^1772417649^{date_short_pretty} {time}|2026-03-02 03:14 CET> · attempt 3 of 3 · 12m 4s · \`prod\` · \`etl\`
      \`\`\`
      ValueError: bad row 17 in orders.csv
      expected 12 columns, got 11
          at parseRow (flows/etl/parse.ts:88:11)
          at load (flows/etl/load.ts:41:7)
          at nightlyEtl (flows/etl/main.ts:19:3)
      \`\`\`
      <https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44|Open the run> · <https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44/logs|Logs>"
    `);
    expect(native).toMatchObject({
      unfurl_links: false,
      unfurl_media: false,
      attachments: [{ color: "#CF222E", fallback: title }],
    });
  });

  it.each(["run-crashed", "run-completed", "run-retrying", "run-cancelled", "default"])("of %s", async (name) => {
    expect(outline((await render(name, "slack-json", sampleFor(name, "normal"))).native)).toMatchSnapshot();
  });

  it.each([
    { name: "run-failed", mentions: true },
    { name: "run-crashed", mentions: true },
    { name: "run-retrying", mentions: false },
    { name: "run-completed", mentions: false },
  ])("of $name mentions the block's people: $mentions", async ({ name, mentions }) => {
    const { native } = await render(name, "slack-json", sampleFor(name, "normal"));

    expect(JSON.stringify(native).includes("<!subteam^S012>")).toBe(mentions);
  });

  it("has no link block without a link", async () => {
    const { native } = await render("run-failed", "slack-json", {
      ...exampleContexts.normal,
      links: { run: null, flow: null, logs: null },
    });

    expect(JSON.stringify(native)).not.toMatch(/"actions"|"url"|http/);
  });

  it.each(names)("%s pings nobody and opens no markup for hostile text", async (name) => {
    const context = { ...sampleFor(name, "hostile"), timezone: "UTC" };

    const { native, body, title } = await render(name, "slack-json", context);

    const wire = JSON.stringify({ native, body });
    expect(wire).not.toMatch(/<[!@#](?!date\^)/);
    expect(wire).not.toMatch(/@(?:everyone|here|channel)\b/);
    expect(wire).not.toContain("javascript:alert");
    expect(title).not.toMatch(/[\r\n]/);
    for (const text of mrkdwnTexts(native))
      expect(text.replaceAll(/<(?:https:\/\/hub\.example\/|!date\^)[^<>]*>/g, "")).not.toMatch(/[<>]/);
  });

  it("keeps Slack's limits whatever the run says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 9_000, size: "max" }), async (text) => {
        const { native } = await render("run-failed", "slack-json", withText(text));
        const texts = mrkdwnTexts(native);

        expect(JSON.stringify(native)).not.toMatch(/<[!@#](?!date\^)/);
        expect(Math.max(...texts.map((one) => one.length))).toBeLessThanOrEqual(4_000);
        expect(texts.reduce((sum, one) => sum + one.length, 0)).toBeLessThanOrEqual(16_000);
      }),
      { numRuns: 40 },
    );
  });
});

/** The normal sample with one text in every place where users write. */
function withText(text: string): RunMessage {
  const base = exampleContexts.normal;
  const state = { ...base.state, message: text };
  const run = base.flow_run === null ? null : { ...base.flow_run, name: text, tags: [text, text], state };
  const flow = base.flow === null ? null : { ...base.flow, name: text, version: text };
  return {
    ...base,
    target: { ...base.target, mention: [] },
    title: text.replaceAll(/\s+/g, " "),
    flow,
    flow_run: run,
    state,
    error: { type: text, message: text, first_line: text, stack: text, location: text },
  };
}

/** Everything that opens or closes an element, attributes included for all but links. */
const tagsIn = (html: string): Set<string> =>
  new Set(
    Array.from(html.matchAll(/<(?!a |time )[!/a-z][^>]*>|<(?:a|time) /gi), ([tag]) =>
      tag.replaceAll(/#[0-9A-F]{6}/g, "#"),
    ),
  );

describe("built-in mail", () => {
  it("of a failed run", async () => {
    const { title, body, html } = await render("run-failed", "html", sampleFor("run-failed", "normal"));

    expect(title).toBe("[prod] nightly-etl/crimson-fox failed: ValueError: bad row 17 in orders.csv");
    expect(body).toMatchInlineSnapshot(`
      "Flow: nightly-etl (version 4f1c9a5)
      Run: crimson-fox
      State: Failed, 2026-03-02 03:14 CET
      Attempt: 3 of 3
      Duration: 12m 4s
      Tags: prod, etl
      Environment: prod

          ValueError: bad row 17 in orders.csv
          expected 12 columns, got 11
              at parseRow (flows/etl/parse.ts:88:11)
              at load (flows/etl/load.ts:41:7)
              at nightlyEtl (flows/etl/main.ts:19:3)

      https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44"
    `);
    expect(html).toMatchSnapshot();
  });

  it.each(names)("%s is one column with a button, a bare address, a dark mode and nothing remote", async (name) => {
    const { html = "" } = await render(name, "html", sampleFor(name, "normal"));

    expect(html).toMatch(/^<!doctype html>/);
    expect(html).toContain('<meta name="color-scheme" content="light dark">');
    expect(html).toContain("@media (prefers-color-scheme: dark)");
    expect(html).toContain(">Open the run</a>");
    expect(html).toContain(">https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44</a>");
    expect(html).not.toMatch(/<img|<link|@import|url\(/);
    expect(Buffer.byteLength(html)).toBeLessThan(20_000);
  });

  it.each(names)("%s lets no text break the subject or open a tag", async (name) => {
    const { title, html = "", body } = await render(name, "html", sampleFor(name, "hostile"));

    expect(title).not.toMatch(/[\r\n]/);
    const usual = await Promise.all(names.map((other) => render(other, "html", sampleFor(other, "normal"))));
    const known = new Set(usual.flatMap((message) => Array.from(tagsIn(message.html ?? ""))));
    expect([...tagsIn(html)].filter((tag) => !known.has(tag))).toEqual([]);
    expect(html).not.toMatch(/(?:href|src)="(?!https:\/\/hub\.example\/)/);
    expect(body).not.toContain("\r");
  });

  it("has no button without a link", async () => {
    const { html, body } = await render("run-failed", "html", sampleFor("run-failed", "minimal"));

    expect(html).not.toContain("<a ");
    expect(body).toBe("State: Failed, 2026-03-02 02:14 UTC");
  });
});
