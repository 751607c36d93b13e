import { describe, expect, it } from "vitest";
import { openCatalog } from "../../src/templating/catalog.ts";
import { preview } from "../../src/templating/preview.ts";
import { templateProject } from "../support/template-project.ts";

const builtIn = openCatalog({ templatesDir: null });

describe("preview", () => {
  it("shows every variant with the same sample each time", async () => {
    const [first, second] = [
      await preview({ catalog: builtIn, name: "run-failed" }),
      await preview({ catalog: builtIn, name: "run-failed" }),
    ];

    expect(first.map(({ variant, dialect }) => [variant, dialect])).toEqual([
      ["email", "html"],
      ["slack", "slack-mrkdwn"],
      ["slack.json", "slack-json"],
      ["text", "text"],
    ]);
    expect(first.map(({ message }) => message)).toEqual(second.map(({ message }) => message));
    for (const { sizeBytes } of first) expect(sizeBytes).toBeGreaterThan(100);
  });

  it("shows a retry in the template about retries", async () => {
    const [text] = await preview({ catalog: builtIn, name: "run-retrying", variant: "text" });

    expect(text?.message.title).toBe("[prod] nightly-etl/crimson-fox failed, attempt 2 of 3 in 30s");
  });

  it("shows what a channel of a dialect would get", async () => {
    expect(
      (await preview({ catalog: builtIn, name: "run-failed", dialect: "slack-json" })).map(({ variant }) => variant),
    ).toEqual(["slack.json"]);
    expect(
      (await preview({ catalog: builtIn, name: "run-failed", dialect: "markdown", sample: "hostile" })).map(
        ({ variant }) => variant,
      ),
    ).toEqual(["text"]);
  });

  it("refuses an invalid template with every problem", async () => {
    using project = templateProject({ "run-failed/text.hbs": "{{flowRun.name}} {{uper title}}" });

    await expect(
      preview({ catalog: openCatalog({ templatesDir: project.templatesDir }), name: "run-failed" }),
    ).rejects.toMatchObject({
      code: "template_invalid",
      details: {
        problems: [
          { line: 1, column: 3, suggestion: "flow_run.name" },
          { line: 1, column: 20, suggestion: "upper" },
        ],
      },
      message: expect.stringContaining('templates/run-failed/text.hbs:1:3 Unknown "flowRun" in "flowRun.name".'),
      hint: expect.stringContaining("Did you mean flow_run.name?"),
    });
  });

  it.each([
    { name: "run-faild", variant: undefined, nearest: "run-failed" },
    { name: "run-failed", variant: "slak", nearest: "run-failed/slack" },
  ])("knows what $name/$variant may mean", async ({ name, variant, nearest }) => {
    await expect(preview({ catalog: builtIn, name, variant })).rejects.toMatchObject({
      code: "template_not_found",
      details: { nearest },
    });
  });
});

describe("catalog", () => {
  it("lists names with their source, variants and what they hide, and reads no file for it", () => {
    using project = templateProject({
      "run-failed/slack.hbs": "x",
      "mine/text.hbs": "y",
      "_partials/p.text.hbs": "z",
      ".hidden/text.hbs": "q",
    });

    const list = openCatalog({ templatesDir: project.templatesDir }).list();

    expect(list.filter(({ origin }) => origin === "project")).toEqual([
      { name: "mine", origin: "project", variants: ["text"], files: ["templates/mine/text.hbs"], shadows: [] },
      {
        name: "run-failed",
        origin: "project",
        variants: ["slack"],
        files: ["templates/run-failed/slack.hbs"],
        shadows: ["built-in"],
      },
    ]);
    expect(list.map(({ name }) => name)).toContain("run-crashed");
  });

  it("has the built-in templates alone in a folder without templates", async () => {
    using project = templateProject({});

    const catalog = openCatalog({ templatesDir: project.templatesDir });

    expect(catalog.list().every(({ origin }) => origin === "built-in")).toBe(true);
    expect(await catalog.check()).toEqual([]);
  });
});
