import { describe, expect, it } from "vitest";
import { openCatalog } from "../../src/templating/catalog.ts";
import type { RunMessage } from "../../src/templating/context.ts";
import { exampleContexts } from "../../src/templating/example-contexts.ts";
import { renderMessage } from "../../src/templating/render.ts";
import type { RenderRequest } from "../../src/templating/render-request.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { templateProject } from "../support/template-project.ts";

const WIDE = { body: { max: 100_000, unit: "utf16" } } as const;
const builtIn = openCatalog({ templatesDir: null });
const { normal, minimal, hostile } = exampleContexts;
const normalError = normal.error ?? { type: "", message: "", first_line: "", stack: "", location: null };

/** Renders a text given in code. */
const inline = (text: string, options: Partial<RenderRequest> = {}) =>
  renderMessage({ catalog: builtIn, inline: text, dialect: "text", limits: WIDE, context: normal, ...options });

const withVars = (vars: RunMessage["vars"]): RunMessage => ({ ...normal, vars });

describe("renderMessage", () => {
  it("says where the text came from", async () => {
    const message = await renderMessage({
      catalog: builtIn,
      name: "run-failed",
      dialect: "text",
      limits: WIDE,
      context: normal,
    });

    expect(message).toMatchObject({
      template: "built-in:run-failed/text",
      templateError: null,
      truncated: false,
      warnings: [],
    });
  });

  it("takes the template of the state when none is named", async () => {
    const message = await renderMessage({ catalog: builtIn, dialect: "text", limits: WIDE, context: normal });

    expect(message.template).toBe("built-in:run-failed/text");
  });

  it("joins adjacent numbers as texts", async () => {
    expect((await inline("{{1}}{{2}}|{{retry.attempt}}{{retry.max}}")).body).not.toContain("3|");
    expect((await inline("{{retry.attempt}}{{retry.max}}")).body).toBe("33");
  });

  it("prints the context's title even though a helper has that name", async () => {
    expect((await inline("{{title}} {{title 'two words'}}")).body).toBe(`${normal.title} Two Words`);
  });

  it("reads own members only", async () => {
    const { body, templateError } = await inline(
      "[{{vars.constructor}}{{vars.__proto__}}{{lookup vars 'toString'}}{{flow.tags.length}}]",
    );

    expect({ body, templateError }).toEqual({ body: "[1]", templateError: null });
  });

  it("does not run template syntax that comes in data", async () => {
    expect((await inline("{{vars.x}}", { context: withVars({ x: "{{flow.name}} {{{title}}}" }) })).body).toBe(
      "{{flow.name}} {{{title}}}",
    );
  });

  it("finds labels whose keys contain dots, the longest first", async () => {
    const labels = { a: "short", "a.b": "long", "x.y.z": "deep" };
    const context = { ...normal, flow: { id: null, name: "f", version: null, tags: [], labels, url: null } };

    expect(
      (await inline("{{flow.labels.a}} {{flow.labels.a.b}} {{flow.labels.[a.b]}} {{flow.labels.x.y.z}}", { context }))
        .body,
    ).toBe("short long long deep");
  });

  it("leaves the given context as it was", async () => {
    const context = structuredClone(normal);

    await inline("{{title}}", { context });

    expect(context).toEqual(normal);
    expect(Object.isFrozen(context)).toBe(false);
  });
});

describe("missing paths", () => {
  it("print nothing, and are named once in the warnings", async () => {
    const { body, warnings } = await inline("a{{vars.nope}}{{vars.nope}}{{upper vars.nope}}b");

    expect({ body, warnings }).toEqual({ body: "ab", warnings: ["missing: vars.nope"] });
  });

  it("are no reason to warn in conditions, defaults, or below something that is null", async () => {
    const { body, warnings } = await inline(
      "{{#if vars.a}}x{{/if}}{{default vars.b 'd'}}{{coalesce vars.c 'e'}}{{or vars.d 'f'}}{{task_run.name}}",
      { context: withVars({}) },
    );

    expect({ body, warnings }).toEqual({ body: "def", warnings: [] });
  });

  it("are marked when asked for", async () => {
    expect((await inline("a {{vars.nope}}", { missing: "mark" })).body).toBe("a [missing: vars.nope]");
  });

  it("send the built-in text when they are errors", async () => {
    const message = await inline("a {{vars.nope}}", { missing: "error" });

    expect(message.template).toBe("built-in:run-failed/text");
    expect(message.templateError).toBe("missing: inline:run-failed/text: missing: vars.nope");
  });
});

describe("budget", () => {
  it("stops each after a hundred items and says so", async () => {
    const items = Array.from({ length: 150 }, (_none, index) => index);

    const { body } = await inline("{{#each vars.items}}{{#if @last}}{{@index}} {{@truncated}}{{/if}}{{/each}}", {
      context: withVars({ items }),
    });

    expect(body).toBe("99 true");
  });

  it.each([
    {
      name: "loops in loops",
      text: `${"{{#each @root.vars.items}}".repeat(3)}{{this}}${"{{/each}}".repeat(3)}`,
      error: /budget.*operations/,
    },
    {
      name: "large content in loops",
      text: `{{#each vars.items}}{{#each ../vars.items}}${"x".repeat(1_000)}{{/each}}{{/each}}`,
      error: /budget.*characters/,
    },
    { name: "output that is too long", text: "{{vars.long}}", error: /budget.*characters/ },
  ])("stops $name and sends the built-in text", async ({ text, error }) => {
    const context = withVars({
      items: Array.from({ length: 100 }, (_none, index) => index),
      long: "y".repeat(300_000),
    });

    const message = await inline(text, { context });

    expect(message.template).toBe("built-in:run-failed/text");
    expect(message.templateError).toMatch(error);
  });

  it("stops partials that double each time", async () => {
    const partials = Object.fromEntries(
      Array.from({ length: 9 }, (_none, i) => [`_partials/p${i}.hbs`, `{{> p${i + 1}}}`.repeat(8)]),
    );
    using project = templateProject({
      ...partials,
      "_partials/p9.hbs": "x{{title}}",
      "run-failed/text.hbs": "{{> p0}}",
    });

    const message = await renderMessage({
      catalog: openCatalog({ templatesDir: project.templatesDir }),
      dialect: "text",
      limits: WIDE,
      context: normal,
    });

    expect(message.templateError).toMatch(/budget/);
  });

  it("stops a render that takes longer than 250 ms", async () => {
    const clock = new ManualClock();
    const slow = { ...clock, monotonic: () => (clockMs += 200) };
    let clockMs = 0;
    const context = withVars({ items: Array.from({ length: 100 }, (_none, index) => index) });

    const message = await inline("{{#each vars.items}}{{#each ../vars.items}}{{this}}{{/each}}{{/each}}", {
      context,
      clock: Object.assign(Object.create(clock), slow),
    });

    expect(message.templateError).toMatch(/budget.*250 ms/);
  });
});

describe("templates of a project", () => {
  const render = (dir: string, options: Partial<RenderRequest> = {}) =>
    renderMessage({
      catalog: openCatalog({ templatesDir: `${dir}/templates` }),
      name: "run-failed",
      dialect: "text",
      limits: WIDE,
      context: normal,
      ...options,
    });

  it("win over built-in ones, variant by variant", async () => {
    using project = templateProject({ "run-failed/text.hbs": "mine: {{title}}" });

    expect((await render(project.dir)).body).toBe(`mine: ${normal.title}`);
    expect((await render(project.dir, { dialect: "slack-mrkdwn" })).body).toBe(`mine: ${normal.title}`);
  });

  it("give a channel the built-in text when they have nothing for it, without calling that an error", async () => {
    using project = templateProject({ "run-failed/slack.hbs": "mine" });

    expect(await render(project.dir)).toMatchObject({ template: "built-in:run-failed/text", templateError: null });
  });

  it("may be mails in separate files", async () => {
    using project = templateProject({
      "run-failed/email.subject.hbs": "Subject {{flow.name}}\n",
      "run-failed/email.html.hbs": '<p>{{flow.name}} <a href="{{vars.runbook}}">book</a></p>',
    });

    const message = await render(project.dir, { dialect: "html" });

    expect(message).toMatchObject({
      template: "project:run-failed/email",
      title: "Subject nightly-etl",
      html: '<p>nightly-etl <a href="https://wiki.example/nightly-etl">book</a></p>',
      body: "nightly-etl book (https://wiki.example/nightly-etl)",
    });
  });

  it("cannot link to an address that runs something", async () => {
    using project = templateProject({ "run-failed/html.hbs": '<a href="{{vars.x}}">x</a>{{link vars.x "y"}}' });

    const { html } = await render(project.dir, { dialect: "html", context: withVars({ x: "javascript:alert(1)" }) });

    expect(html).toBe('<a href="#">x</a>y');
  });

  it("may use Markdown for Slack and for mail", async () => {
    using project = templateProject({
      "run-failed/markdown.hbs": "# {{flow.name}}\n\n**{{vars.x}}** [run]({{links.run}})\n\n- a\n- b",
    });
    const context = withVars({ x: "<b> *y*" });

    expect((await render(project.dir, { dialect: "slack-mrkdwn", context })).body).toBe(
      "*nightly-etl*\n\n*&lt;b&gt; *y** <https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44|run>\n\n• a\n• b",
    );
    expect((await render(project.dir, { dialect: "html", context })).html).toContain("<strong>&lt;b&gt; *y*</strong>");
  });

  it("use their own partials before the built-in ones, which built-in templates keep", async () => {
    using project = templateProject({ "_partials/facts.text.hbs": "my facts", "mine/text.hbs": "{{> facts}}" });

    expect((await render(project.dir, { name: "mine" })).body).toBe("my facts");
    expect((await render(project.dir)).body).toContain("Flow: nightly-etl");
  });

  it("write a layout once", async () => {
    using project = templateProject({
      "_partials/box.text.hbs": "<{{> @partial-block}}>",
      "mine/text.hbs": "{{#> box}}{{title}}{{/box}}",
    });

    expect((await render(project.dir, { name: "mine" })).body).toBe(`<${normal.title}>`);
  });

  it("are used as they were when the process began", async () => {
    using project = templateProject({ "run-failed/text.hbs": "one" });
    const catalog = openCatalog({ templatesDir: project.templatesDir });
    const request = { catalog, dialect: "text", limits: WIDE, context: normal } as const;
    await renderMessage(request);
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${project.dir}/templates/run-failed/text.hbs`, "two");

    expect((await renderMessage(request)).body).toBe("one");
  });
});

describe("a template that fails", () => {
  it("gives way to the next variant of the same template", async () => {
    using project = templateProject({ "run-failed/slack.json.hbs": "{ broken", "run-failed/slack.hbs": "good" });

    const message = await renderMessage({
      catalog: openCatalog({ templatesDir: project.templatesDir }),
      dialect: "slack-json",
      limits: WIDE,
      context: normal,
    });

    expect(message.template).toBe("project:run-failed/slack");
    expect(message.body).toBe("good\n\n⚠ template run-failed failed, its variant slack used");
    expect(message.templateError).toMatch(
      /^output: project:run-failed\/slack\.json: the template printed no valid JSON/,
    );
  });

  it("gives way to the built-in text, with line and column on the record", async () => {
    using project = templateProject({ "run-failed/text.hbs": "\n {{flowRun.name}}" });

    const message = await renderMessage({
      catalog: openCatalog({ templatesDir: project.templatesDir }),
      dialect: "text",
      limits: WIDE,
      context: normal,
    });

    expect(message.template).toBe("built-in:run-failed/text");
    expect(message.templateError).toBe(
      'invalid: project:run-failed/text: line 2, column 4: Unknown "flowRun" in "flowRun.name".',
    );
    expect(message.body).toMatch(/⚠ template run-failed failed, built-in text used$/);
  });

  it("gives way to the template of the state when its name is unknown", async () => {
    const message = await renderMessage({
      catalog: builtIn,
      name: "run-faild",
      dialect: "text",
      limits: WIDE,
      context: normal,
    });

    expect(message.template).toBe("built-in:run-failed/text");
    expect(message.templateError).toContain('template_not_found: No template is named "run-faild".');
    expect(message.body).toMatch(/⚠ template run-faild failed, built-in text used$/);
  });

  it.each(["text", "slack-json", "html", "header", "markdown", "json"] as const)(
    "leaves an emergency text for %s when nothing else works",
    async (dialect) => {
      const nothing = { ...builtIn, has: () => false, sources: () => [] };

      const message = await renderMessage({ catalog: nothing, dialect, limits: WIDE, context: hostile });

      expect(message.template).toBe("emergency");
      expect(message.body.length + (message.html?.length ?? 0)).toBeLessThan(5_000);
      expect(JSON.stringify(message.native ?? null)).not.toMatch(/<[!@]/);
      expect(message.html ?? "").not.toContain("<script>");
    },
  );

  it("is readable as an emergency text", async () => {
    const nothing = { ...builtIn, has: () => false, sources: () => [] };

    const { body } = await renderMessage({ catalog: nothing, dialect: "text", limits: WIDE, context: normal });

    expect(body).toBe(
      "error nightly-etl/crimson-fox: Failed — Flow run encountered an exception: ValueError: bad row 17 in orders.csv — https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44",
    );
  });

  it("throws template_not_found with the nearest name where someone asks for it by name", () => {
    expect(() => builtIn.sources("run-faild")).toThrowError(
      expect.objectContaining({ code: "template_not_found", details: { name: "run-faild", nearest: "run-failed" } }),
    );
  });
});

describe("a message that is too long", () => {
  const at = (max: number, options: Partial<RenderRequest> = {}) =>
    renderMessage({
      catalog: builtIn,
      dialect: "text",
      limits: { body: { max, unit: "utf16" } },
      context: normal,
      ...options,
    });

  it("drops the stack first", async () => {
    const whole = await at(10_000);

    const { body, truncated } = await at(whole.body.length - 1, {
      context: {
        ...normal,
        error: { ...normalError, stack: `${normalError.stack}\n${"    at deeper (a.ts:1:1)\n".repeat(20)}` },
      },
    });

    expect(truncated).toBe(true);
    expect(body).not.toContain("at load");
    expect(body).toContain("Tags: prod, etl");
  });

  it("gives up further fields next, then the ends of texts, and keeps title and link to the last", async () => {
    for (const max of [900, 500, 400, 300, 250]) {
      const { body, truncated } = await at(max, {
        context: {
          ...normal,
          error: { type: "E", message: "m ".repeat(5_000), first_line: "m", stack: null, location: null },
        },
      });

      expect(body.length).toBeLessThanOrEqual(max);
      expect(truncated).toBe(true);
      expect(body).toContain("https://hub.example/runs/01994f1f-0c3e-7b1d-9a55-2f6f3a1b7c44");
      expect(body).toContain("… (truncated)");
      expect(body.startsWith("[prod] nightly-etl")).toBe(true);
    }
  });

  it("cuts the title to its own limit", async () => {
    const { title, truncated } = await at(10_000, {
      limits: { title: { max: 20, unit: "utf16" }, body: { max: 10_000, unit: "utf16" } },
    });

    expect(title).toBe("[prod] nightly-etl/…");
    expect(truncated).toBe(true);
  });

  it("stays whole HTML within the limit", async () => {
    const { html, body } = await at(6_000, { dialect: "html", context: { ...hostile, links: normal.links } });

    expect(html?.length).toBeLessThanOrEqual(6_000);
    expect(html).not.toMatch(/<[^>]*$/);
    expect(body).toContain("https://hub.example/runs/");
  });

  it("does not repeat the title in the body of a channel that shows it on its own", async () => {
    const { body } = await at(10_000, {
      limits: { title: { max: 200, unit: "utf16" }, body: { max: 10_000, unit: "utf16" } },
    });

    expect(body.startsWith("Flow: nightly-etl")).toBe(true);
  });

  it("says something even about a run of which nothing is known", async () => {
    expect((await at(1_000, { context: minimal })).body).toBe("Run failed\n\nState: Failed, 2026-03-02 02:14 UTC");
  });
});
