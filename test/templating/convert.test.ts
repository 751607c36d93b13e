import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeSlack, escapeMarkdown } from "../../src/templating/escape.ts";
import { globMatches } from "../../src/templating/glob.ts";
import { htmlToText } from "../../src/templating/html-text.ts";
import { markdownToHtml, markdownToSlack } from "../../src/templating/markdown.ts";
import { plainMessage } from "../../src/templating/plain-message.ts";
import { nearest } from "../../src/templating/suggest.ts";

describe("Markdown", () => {
  it.each([
    { markdown: "# Head", slack: "*Head*", html: "<h1>Head</h1>" },
    {
      markdown: "a **b** *c* _d_ ~~e~~ `f`",
      slack: "a *b* _c_ _d_ ~e~ `f`",
      html: "<p>a <strong>b</strong> <em>c</em> <em>d</em> <del>e</del> <code>f</code></p>",
    },
    { markdown: "***both***", slack: "*_both_*", html: "<p><strong><em>both</em></strong></p>" },
    { markdown: "snake_case_name * 2", slack: "snake_case_name * 2", html: "<p>snake_case_name * 2</p>" },
    {
      markdown: "[a & b](https://a.example/x)",
      slack: "<https://a.example/x|a &amp; b>",
      html: '<p><a href="https://a.example/x">a &amp; b</a></p>',
    },
    { markdown: "[x](javascript:alert)", slack: "x", html: "<p>x</p>" },
    { markdown: "- a\n- b", slack: "• a\n• b", html: "<ul>\n<li>a</li>\n<li>b</li>\n</ul>" },
    { markdown: "1. a\n2. b", slack: "1. a\n2. b", html: "<ol>\n<li>a</li>\n<li>b</li>\n</ol>" },
    { markdown: "> q\n> r", slack: "> q\n> r", html: "<blockquote>q<br>\nr</blockquote>" },
    {
      markdown: "```\n<a> `b`\n```",
      slack: "```\n&lt;a&gt; 'b'\n```",
      html: '<pre style="white-space:pre-wrap">&lt;a&gt; &#x60;b&#x60;</pre>',
    },
    { markdown: "one\ntwo\n\nthree", slack: "one\ntwo\n\nthree", html: "<p>one<br>\ntwo</p>\n<p>three</p>" },
    {
      markdown: "unbalanced ** and ` stay",
      slack: "unbalanced ** and ` stay",
      html: "<p>unbalanced ** and &#x60; stay</p>",
    },
  ])("$markdown", ({ markdown, slack, html }) => {
    expect(markdownToSlack(markdown)).toBe(slack);
    expect(markdownToHtml(markdown)).toBe(html);
  });

  it("prints an escaped text as the text it was", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z*_`~[\]()<>!#|\\.+-]{1,40}$/), (text) => {
        expect(htmlToText(markdownToHtml(`x${escapeMarkdown(text)}`))).toBe(`x${text}`);
      }),
    );
  });

  it("opens no tag of its own for any text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(
          markdownToHtml(text).replaceAll(
            /<\/?(?:p|h[1-6]|ul|ol|li|em|strong|del|code|pre|blockquote|br|hr|a)\b[^<>]*>/g,
            "",
          ),
        ).not.toMatch(/[<>]/);
      }),
    );
  });

  it("takes no time that grows with the square of a hostile text", () => {
    const text = "*a ".repeat(10_000) + "[".repeat(10_000) + "`".repeat(10_000);

    expect(markdownToSlack(text).length).toBeGreaterThan(40_000);
  });
});

describe("htmlToText", () => {
  it("reads a mail aloud", () => {
    const html =
      '<html><head><style>p{}</style></head><body><div style="display:none">hidden</div><h1>A &amp; B</h1><p>Go to\n<a href="https://a.example/?x=1&amp;y=2">the run</a>.</p><ul><li>one</li></ul><table><tr><td>k</td><td>v</td></tr></table></body></html>';

    expect(htmlToText(html)).toBe("A & B\nGo to the run (https://a.example/?x=1&y=2).\n- one\nk v");
  });
});

describe("globMatches", () => {
  it.each([
    ["*", "", true],
    ["a*c", "abbbc", true],
    ["a*c", "abbb", false],
    ["a?c", "abc", true],
    ["[ab]x", "bx", true],
    ["[!ab]x", "bx", false],
    ["!dev-*", "prod", true],
    ["!dev-*", "dev-1", false],
    ["flow.*.x", "flow.a.b.x", true],
    ["[", "[", true],
    ["A", "a", false],
  ])("%s on %j: %s", (glob, text, result) => {
    expect(globMatches(glob, text)).toBe(result);
  });

  it("is quick on patterns that make regular expressions slow", () => {
    expect(globMatches(`${"*a".repeat(50)}b`, "a".repeat(5_000))).toBe(false);
  });
});

describe("nearest", () => {
  it.each([
    ["flowRun", "flow_run"],
    ["flw", "flow"],
    ["stat", "state"],
    ["xyzzy", undefined],
    ["taks_run", "task_run"],
  ])("%s may mean %s", (name, result) => {
    expect(nearest(name, ["flow", "flow_run", "task_run", "state", "title"])).toBe(result);
  });
});

describe("plainMessage", () => {
  it.each([
    { dialect: "text", body: "a <b> & @everyone" },
    { dialect: "slack-mrkdwn", body: "a &lt;b&gt; &amp; @\u200Beveryone" },
    { dialect: "markdown", body: "a \\<b\\> & @\u200Beveryone" },
  ] as const)("escapes for $dialect", ({ dialect, body }) => {
    expect(
      plainMessage({
        title: "t\r\nu",
        body: "a <b> & @everyone",
        dialect,
        limits: { body: { max: 100, unit: "utf16" } },
      }),
    ).toMatchObject({ title: "t u", body, truncated: false });
  });

  it("gives mail both forms", () => {
    expect(
      plainMessage({ body: "a <b>\n\nc", dialect: "html", limits: { body: { max: 100, unit: "utf16" } } }),
    ).toMatchObject({ body: "a <b>\n\nc", html: "<p>a &lt;b&gt;</p>\n<p>c</p>" });
  });

  it("stays within the limit after escaping, and cuts no escape in two", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("<", "&", "a", "é", "😀"), { maxLength: 80 }),
        fc.integer({ min: 8, max: 60 }),
        fc.constantFrom("utf16", "bytes"),
        (parts, max, unit) => {
          const { body, truncated } = plainMessage({
            body: parts.join(""),
            dialect: "slack-mrkdwn",
            limits: { body: { max, unit } },
          });

          expect(unit === "bytes" ? Buffer.byteLength(body) : body.length).toBeLessThanOrEqual(max);
          expect(body.replaceAll(/&(?:amp|lt|gt);/g, "")).not.toMatch(/[&<]/);
          expect(truncated).toBe(decodeSlack(body) !== parts.join(""));
        },
      ),
    );
  });
});
