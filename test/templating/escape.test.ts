import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/base/json.ts";
import {
  decodeSlack,
  ESCAPE,
  escapeHeader,
  escapeHtml,
  escapeMarkdown,
  escapeSlack,
  plainSlack,
  safeUrl,
} from "../../src/templating/escape.ts";
import { exampleContexts } from "../../src/templating/example-contexts.ts";

const special = fc.constantFrom(
  "<",
  ">",
  "&",
  "&lt;",
  "`",
  "*",
  "@everyone",
  "<!channel>",
  "\r\n",
  "\n",
  "\u001B[31m",
  "\uD800",
  "|",
  '"',
  "\\",
  "\u202E",
);
const anyText = fc.array(fc.oneof(fc.string(), special)).map((parts) => parts.join(""));

describe("escaping", () => {
  it("lets no text open markup or a mention in Slack", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const escaped = escapeSlack(text);

        expect(escaped).not.toMatch(/[<>]/);
        expect(escaped.replaceAll(/&(?:amp|lt|gt);/g, "")).not.toContain("&");
        expect(escaped).not.toMatch(/@(?:everyone|here|channel)\b/);
      }),
    );
  });

  it("lets no text open a tag, an entity or an attribute in HTML", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const escaped = escapeHtml(text);

        expect(escaped).not.toMatch(/[<>"'`=]/);
        expect(escaped.replaceAll(/&(?:amp|lt|gt|quot|#x27|#x60|#x3D);/g, "")).not.toContain("&");
      }),
    );
  });

  it("puts a backslash before every character that opens markup in Markdown", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(escapeMarkdown(text).replaceAll(/\\[\\`*_{}[\]()#+\-.!|<>~]/g, "")).not.toMatch(
          /[\\`*_{}[\]()#+\-.!|<>~]/,
        );
      }),
    );
  });

  it("keeps a header on one line", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        // oxlint-disable-next-line no-control-regex -- the point of the test
        expect(escapeHeader(text)).not.toMatch(/[\u0000-\u001F\u007F-\u009F\u2028\u2029]/);
      }),
    );
  });

  it("gives the inside of a JSON string whose value is the escaped text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const value: JsonValue = JSON.parse(`"${ESCAPE["slack-json"](text)}"`);

        expect(value).toBe(escapeSlack(text));
      }),
    );
  });

  it("decodes what it encoded for Slack", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/@(?:everyone|here|channel|all)/i.test(text));
        expect(decodeSlack(escapeSlack(text))).toBe(ESCAPE.text(text));
      }),
    );
  });

  it("leaves no mention in the plain text of a block", () => {
    expect(plainSlack("&lt;!channel&gt; &lt;@U1&gt; &lt;b&gt;")).toBe("<\u2060!channel> <\u2060@U1> <b>");
  });

  it.each(["text", "header", "html", "markdown", "slack-mrkdwn", "slack-json", "json"] as const)(
    "prints no direction override or isolate in %s",
    (dialect) => {
      expect(ESCAPE[dialect]("a\u202Eb\u2066c\u2067d\u2068e\u2069f")).toBe("abcdef");
    },
  );

  it("removes terminal colours, control characters, overrides and lone surrogates", () => {
    expect(ESCAPE.text("\u001B[31mred\u001B[0m\u0000\u0007 a\tb\r\nc\rd \u202Eevil \uD83D")).toBe(
      "red a\tb\nc\nd evil \uFFFD",
    );
  });

  it.each([
    { url: "https://a.example/x?y=1&z=2", safe: "https://a.example/x?y=1&z=2" },
    { url: "mailto:a@example.com", safe: "mailto:a@example.com" },
    { url: "http://[::1]:4200/runs", safe: "http://[::1]:4200/runs" },
    { url: "https://user:pass@a.example/", safe: "https://a.example/" },
    { url: "https://a.example/<!channel>|x", safe: "https://a.example/%3C!channel%3E%7Cx" },
    { url: "javascript:alert(1)", safe: undefined },
    { url: " JaVaScRiPt:alert(1)", safe: undefined },
    { url: "data:text/html,x", safe: undefined },
    { url: "file:///etc/passwd", safe: undefined },
    { url: "/relative", safe: undefined },
  ])("turns $url into $safe", ({ url, safe }) => {
    expect(safeUrl(url)).toBe(safe);
  });

  it("escapes the hostile sample in every dialect but plain text", () => {
    const { message } = exampleContexts.hostile.state;

    for (const dialect of ["html", "slack-mrkdwn", "slack-json"] as const) {
      expect(ESCAPE[dialect](message)).not.toContain("<!channel>");
    }
  });
});
