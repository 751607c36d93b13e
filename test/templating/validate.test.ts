import { describe, expect, it } from "vitest";
import { openCatalog } from "../../src/templating/catalog.ts";
import type { TemplateProblem } from "../../src/templating/problem.ts";
import { templateProject } from "../support/template-project.ts";

/** Problems of one `run-failed/<variant>.hbs`, with other files beside it. */
async function problemsOf(
  text: string,
  options: { readonly variant?: string; readonly files?: Record<string, string> } = {},
) {
  using project = templateProject({ [`run-failed/${options.variant ?? "text"}.hbs`]: text, ...options.files });
  return await openCatalog({ templatesDir: project.templatesDir }).check();
}

const brief = (problems: readonly TemplateProblem[]) =>
  problems.map(({ line, column, code, suggestion }) => [
    `${line}:${column}`,
    code,
    ...(suggestion === undefined ? [] : [suggestion]),
  ]);

describe("template check", () => {
  it.each([
    { name: "a misspelt path", text: "a\n  {{flow_run.nmae}}", found: [["2:5", "unknown_path", "flow_run.name"]] },
    { name: "camelCase for snake_case", text: "{{flowRun.name}}", found: [["1:3", "unknown_path", "flow_run.name"]] },
    { name: "a path into a text", text: "{{flow.name.first}}", found: [["1:3", "unknown_path"]] },
    {
      name: "a path of the root inside each",
      text: "{{#each flow.tags}}{{flow.name}}{{/each}}",
      found: [["1:22", "unknown_path", "@root.flow.name"]],
    },
    { name: "../ beyond the top", text: "{{../title}}", found: [["1:3", "unknown_path", "@root.title"]] },
    { name: "@index outside each", text: "{{@index}}", found: [["1:3", "unknown_path"]] },
    {
      name: "a misspelt data variable",
      text: "{{#each flow.tags}}{{@indx}}{{/each}}",
      found: [["1:22", "unknown_path", "@index"]],
    },
    { name: "an unknown helper", text: "{{uper flow.name}}", found: [["1:3", "unknown_helper", "upper"]] },
    {
      name: "an unknown helper in an argument",
      text: "{{upper (frist flow.tags)}}",
      found: [["1:10", "unknown_helper", "first"]],
    },
    {
      name: "a helper used as block",
      text: "{{#eq a b}}x{{/eq}}",
      found: [["1:1", "unknown_helper", "{{#if (eq …)}}"]],
    },
    { name: "a block used as value", text: "{{if title}}", found: [["1:3", "unknown_helper", "#if"]] },
    { name: "an unknown block", text: "{{#eahc flow.tags}}x{{/eahc}}", found: [["1:1", "unknown_helper", "#each"]] },
    { name: "too few arguments", text: "{{truncate title}}", found: [["1:3", "helper_arguments"]] },
    { name: "a helper without arguments", text: "{{upper}}", found: [["1:3", "helper_arguments"]] },
    {
      name: "an unknown named argument",
      text: '{{truncate title 5 edn="x"}}',
      found: [["1:20", "helper_arguments", "end="]],
    },
    { name: "a block with two arguments", text: "{{#if title summary}}x{{/if}}", found: [["1:1", "helper_arguments"]] },
    { name: "an unknown partial", text: "{{> fcats}}", found: [["1:1", "unknown_partial", "facts"]] },
    { name: "a dynamic partial", text: "{{> (lookup vars 'x')}}", found: [["1:1", "not_allowed"]] },
    {
      name: "an inline partial",
      text: '{{#*inline "x"}}y{{/inline}}',
      found: [["1:1", "not_allowed", "a file in templates/_partials/"]],
    },
    { name: "a decorator", text: "{{* foo}}", found: [["1:1", "not_allowed"]] },
    { name: "a computed helper name", text: "{{#if ((lookup vars 'x') 1)}}y{{/if}}", found: [["1:8", "syntax"]] },
    { name: "a raw block", text: "{{{{code-block}}}} x {{{{/code-block}}}}", found: [["1:1", "unknown_helper"]] },
    {
      name: "blocks closed in the wrong order",
      text: "x\n{{#if title}}{{/each}}",
      found: [["2:4", "syntax", "{{/if}}"]],
    },
    { name: "a block left open", text: "line one\n{{#if title}}\nx", found: [["3:2", "syntax"]] },
    { name: "a tag left open", text: "a\nbc {{title", found: [["2:6", "syntax"]] },
    { name: "an else outside a block", text: "abc {{else}}", found: [["1:5", "syntax"]] },
  ])("finds $name", async ({ text, found }) => {
    expect(brief(await problemsOf(text))).toEqual(found);
  });

  it.each([
    {
      name: "paths of every kind",
      text: "{{flow.name}} {{this.title}} {{./title}} {{@root.title}} {{flow.tags.length}} {{flow.tags.[0]}}",
    },
    { name: "open maps", text: "{{vars.a.b}} {{flow_run.parameters.day}} {{flow.labels.a.b.c}}" },
    {
      name: "scopes",
      text: "{{#each flow.tags as |tag i|}}{{tag}}{{i}}{{@index}}{{../title}}{{/each}}{{#with flow}}{{name}}{{/with}}",
    },
    { name: "items of a shortened list", text: "{{#each (limit flow.tags 2)}}{{length this}}{{/each}}" },
    { name: "else chains", text: "{{#if (eq severity 'error')}}a{{else if title}}b{{else}}c{{/if}}" },
    { name: "a context name that is also a helper", text: "{{title}} {{title flow.name}}" },
    { name: "comments", text: "{{! one }}{{!-- two --}}x" },
  ])("accepts $name", async ({ text }) => {
    expect(await problemsOf(text)).toEqual([]);
  });

  it("reports all problems of all files together, sorted, with file and message", async () => {
    const problems = await problemsOf("{{flowRun.name}}\n{{uper title}}", {
      files: { "alert/slack.hbs": "{{nope}}", "alert/slakc.hbs": "x" },
    });

    expect(problems).toMatchInlineSnapshot(`
      [
        {
          "code": "unknown_path",
          "column": 3,
          "file": "templates/alert/slack.hbs",
          "line": 1,
          "message": "Unknown "nope".",
          "severity": "error",
          "variant": "slack",
        },
        {
          "code": "unknown_variant",
          "column": 1,
          "file": "templates/alert/slakc.hbs",
          "line": 1,
          "message": ""slakc.hbs" is not a variant.",
          "severity": "error",
          "suggestion": "slack.hbs",
          "variant": "slakc",
        },
        {
          "code": "unknown_path",
          "column": 3,
          "file": "templates/run-failed/text.hbs",
          "line": 1,
          "message": "Unknown "flowRun" in "flowRun.name".",
          "severity": "error",
          "suggestion": "flow_run.name",
          "variant": "text",
        },
        {
          "code": "unknown_helper",
          "column": 3,
          "file": "templates/run-failed/text.hbs",
          "line": 2,
          "message": "No helper is named "uper".",
          "severity": "error",
          "suggestion": "upper",
          "variant": "text",
        },
      ]
    `);
  });

  it("names the partial's own file and line", async () => {
    const problems = await problemsOf("{{> mine}}", { files: { "_partials/mine.text.hbs": "\n{{flw.name}}" } });

    expect(problems).toMatchObject([
      { file: "templates/_partials/mine.text.hbs", line: 2, column: 3, suggestion: "flow.name" },
    ]);
  });

  it("checks a partial with the context and parameters it is called with", async () => {
    const partial = { "_partials/tag.text.hbs": "{{label}}: {{name}}" };

    expect(await problemsOf("{{> tag flow label='x'}}", { files: partial })).toEqual([]);
    expect(brief(await problemsOf("{{> tag label='x'}}", { files: partial }))).toEqual([["1:14", "unknown_path"]]);
  });

  it("finds partials that contain each other", async () => {
    const files = { "_partials/a.text.hbs": "{{> b}}", "_partials/b.text.hbs": "{{> a}}" };

    expect(brief(await problemsOf("{{> a}}", { files }))).toEqual([["1:1", "partial_cycle"]]);
  });

  it("refuses partials nested too deep", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 12 }, (_none, i) => [`_partials/p${i}.hbs`, `{{> p${i + 1}}}`]),
    );

    expect((await problemsOf("{{> p0}}", { files })).map(({ code }) => code)).toContain("too_deep");
  });

  it.each([
    { name: "a text of more than 64 KiB", text: "x".repeat(64 * 1_024 + 1), code: "too_large" },
    { name: "more than 2,000 parts", text: "{{title}}".repeat(2_001), code: "too_many_nodes" },
    { name: "blocks nested 21 deep", text: `${"{{#if title}}".repeat(21)}x${"{{/if}}".repeat(21)}`, code: "too_deep" },
    {
      name: "blocks nested 3,000 deep",
      text: `${"{{#if a}}".repeat(3_000)}x${"{{/if}}".repeat(3_000)}`,
      code: "too_deep",
    },
  ])("refuses $name", async ({ text, code }) => {
    expect((await problemsOf(text)).map((problem) => problem.code)).toContain(code);
  });

  it("refuses what is not UTF-8", async () => {
    using project = templateProject({ "run-failed/text.hbs": "" });
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${project.dir}/templates/run-failed/text.hbs`, Buffer.from([0xff, 0xfe, 0x00]));

    expect(brief(await openCatalog({ templatesDir: project.templatesDir }).check())).toEqual([["1:1", "unreadable"]]);
  });

  it.each([
    {
      name: "a mail without subject",
      text: "{{#text}}x{{/text}}",
      found: [["1:1", "email_sections", "{{#subject}}…{{/subject}}"]],
    },
    {
      name: "a mail without body",
      text: "{{#subject}}x{{/subject}}",
      found: [["1:1", "email_sections", "{{#html}}…{{/html}}"]],
    },
    {
      name: "text beside the sections",
      text: "{{#subject}}x{{/subject}}\nhello\n{{#text}}y{{/text}}",
      found: [["1:26", "email_sections"]],
    },
    {
      name: "a section inside a block",
      text: "{{#subject}}x{{/subject}}{{#text}}{{#html}}y{{/html}}{{/text}}",
      found: [["1:35", "not_allowed"]],
    },
  ])("refuses $name", async ({ text, found }) => {
    expect(brief(await problemsOf(text, { variant: "email" }))).toEqual(found);
  });

  it("warns of raw output and refuses it where a run's text could ping people", async () => {
    const problems = await problemsOf("{{{flow.name}}}", { variant: "slack" });

    expect(problems.map(({ severity, code }) => [severity, code])).toEqual([
      ["warning", "raw_output"],
      ["error", "trial_render"],
    ]);
  });

  it("refuses a slack.json template that prints no JSON", async () => {
    const problems = await problemsOf('{ "text": "{{title}} }', { variant: "slack.json" });

    expect(problems[0]).toMatchObject({ code: "trial_render", file: "templates/run-failed/slack.json.hbs" });
  });

  it("turns unknown paths into warnings when the template asks for it", async () => {
    const problems = await problemsOf("{{!-- allowUnknown: true --}}\n{{later.added}} x");

    expect(problems.map(({ severity, code }) => [severity, code])).toEqual([["warning", "unknown_path"]]);
  });
});
