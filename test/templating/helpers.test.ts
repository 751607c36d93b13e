import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openCatalog } from "../../src/templating/catalog.ts";
import type { RunMessage } from "../../src/templating/context.ts";
import type { Dialect } from "../../src/templating/dialect.ts";
import { durationText } from "../../src/templating/duration-text.ts";
import { exampleContexts } from "../../src/templating/example-contexts.ts";
import { HELPERS } from "../../src/templating/helpers/registry.ts";
import { renderMessage } from "../../src/templating/render.ts";

const catalog = openCatalog({ templatesDir: null });
const VARS: RunMessage["vars"] = {
  s: "hello world",
  empty: "",
  n: 1234.5,
  zero: 0,
  list: ["b", "a", "b"],
  objects: [
    { k: "x", n: 2 },
    { k: "y", n: 10 },
    { k: "x", n: 1 },
  ],
  map: { a: 1, b: 2 },
  text: "one\ntwo\nthree\n",
  family: "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦",
  at: "2026-03-02T02:14:09.120Z",
  nothing: null,
  evil: "<!channel> `x` *b*",
  url: "https://a.example/x?y=1",
  huge: 1e300,
};
const CONTEXT: RunMessage = { ...exampleContexts.normal, vars: VARS };
const LIMITS = { body: { max: 10_000, unit: "utf16" } } as const;

async function printed(text: string, dialect: Dialect = "text"): Promise<string> {
  // Bars keep the white space at the ends, and an empty output from counting as no message.
  const inline = dialect === "text" ? `|${text}|` : text;
  const message = await renderMessage({ catalog, inline, dialect, limits: LIMITS, context: CONTEXT });
  expect(message.templateError).toBeNull();
  if (dialect === "html") return message.html ?? "";
  return dialect === "text" ? message.body.slice(1, -1) : message.body;
}

describe("helpers", () => {
  it.each([
    ["{{eq 1 '1'}}", "true"],
    ["{{eq 'a' 'b'}}", "false"],
    ["{{ne 'a' 'b'}}", "true"],
    ["{{eq vars.at '2026-03-02T03:14:09.120+01:00'}}", "true"],
    ["{{gt 10 9}}", "true"],
    ["{{gt '10' '9'}}", "true"],
    ["{{lt 'a' 'b'}}", "true"],
    ["{{gte 2 2}}", "true"],
    ["{{lte vars.nothing 2}}", "false"],
    ["{{and 1 'a'}}", "true"],
    ["{{and 1 ''}}", "false"],
    ["{{or '' 'x'}}", "x"],
    ["{{not vars.zero}}", "true"],
    ["{{not vars.list}}", "false"],
    ["{{in 'a' vars.list}}", "true"],
    ["{{in 'ell' vars.s}}", "true"],
    ["{{default vars.empty 'd'}}", "d"],
    ["{{default vars.zero 'd'}}", "0"],
    ["{{coalesce vars.empty vars.nothing 'c'}}", "c"],
    ["{{choose true 'a' 'b'}}", "a"],
    ["{{upper 'aß'}}", "ASS"],
    ["{{lower 'AB'}}", "ab"],
    ["{{capitalize 'ab cd'}}", "Ab cd"],
    ["{{trim '  a '}}", "a"],
    ["{{title 'ab CD ef'}}", "Ab CD Ef"],
    ["{{truncate vars.s 8}}", "hello w…"],
    ["{{truncate vars.s 8 end='..'}}", "hello.."],
    ["{{truncate vars.family 2}}", "👩‍👩‍👧‍👦…"],
    ["{{truncate vars.s 99}}", "hello world"],
    ["{{truncateMiddle vars.s 7}}", "hel…rld"],
    ["{{firstLine vars.text}}", "one"],
    ["{{lines vars.text 2}}", "one\ntwo"],
    ["{{lastLines vars.text 1}}", "three"],
    ["{{replace vars.s 'o' '$&'}}", "hell$& w$&rld"],
    ["{{matches vars.s 'h*w?rld'}}", "true"],
    ["{{matches vars.s '!h*'}}", "false"],
    ["{{join (split 'a,b' ',') '+'}}", "a+b"],
    ["{{join vars.list}}", "b, a, b"],
    ["{{concat 'a' 1 true}}", "a1true"],
    ["{{contains vars.s 'wor'}}", "true"],
    ["{{startsWith vars.s 'hell'}}", "true"],
    ["{{endsWith vars.s 'x'}}", "false"],
    ["{{plural 1 'run' 'runs'}}", "run"],
    ["{{plural 2 'run' 'runs'}}", "runs"],
    ["{{number vars.n}}", "1,235"],
    ["{{number vars.n digits=2}}", "1,234.50"],
    ["{{percent 0.256 digits=1}}", "25.6%"],
    ["{{bytes 1536}}", "1.5 KiB"],
    ["{{bytes 12}}", "12 B"],
    ["{{add 1 '2'}}", "3"],
    ["{{sub 1 'x'}}", ""],
    ["{{date vars.at}}", "2026-03-02 03:14"],
    ["{{date vars.at format='EEE dd MMM yyyy HH:mm:ss.SSS ZZ' tz='UTC'}}", "Mon 02 Mar 2026 02:14:09.120 +00:00"],
    ["{{date vars.at format='z' tz='America/New_York'}}", "EST"],
    ["{{date vars.at tz='Nowhere/Land'}}", "2026-03-02 02:14"],
    ["{{date vars.s}}", ""],
    ["{{time vars.at}}", "2026-03-02 03:14 CET"],
    ["{{iso 0}}", "1970-01-01T00:00:00.000Z"],
    ["{{unix vars.at}}", "1772417649"],
    ["{{relative '2026-03-02T02:14:05Z'}}", "just now"],
    ["{{relative '2026-03-02T02:10:10Z'}}", "4 minutes ago"],
    ["{{relative '2026-03-02T05:14:10Z'}}", "in 3 hours"],
    ["{{relative '2026-02-28T02:14:10Z'}}", "2 days ago"],
    ["{{relative '2026-03-01T01:14:10Z'}}", "25 hours ago"],
    ["{{duration 0.85}}", "850ms"],
    ["{{duration vars.nothing}}", ""],
    ["{{length vars.list}}", "3"],
    ["{{length vars.map}}", "2"],
    ["{{length vars.s}}", "11"],
    ["{{first vars.list}}", "b"],
    ["{{last vars.list}}", "b"],
    ["{{join (limit vars.list 2)}}", "b, a"],
    ["{{join (skip vars.list 2)}}", "b"],
    ["{{join (reverse vars.list)}}", "b, a, b"],
    ["{{join (pluck (sortBy vars.objects 'n') 'n')}}", "1, 2, 10"],
    ["{{#each (groupBy vars.objects 'k')}}{{key}}={{length items}} {{/each}}", "x=2 y=1 "],
    ["{{join (unique vars.list)}}", "b, a"],
    ["{{join (keys vars.map)}}", "a, b"],
    ["{{join (values vars.map)}}", "1, 2"],
    ["{{json vars.map}}", '{"a":1,"b":2}'],
    ["{{label flow 'team'}}", "data"],
    ["{{hasTag flow 'prod'}}", "true"],
    ["{{lookup vars 's'}}", "hello world"],
    ["{{link vars.url 'book'}}", "book (https://a.example/x?y=1)"],
    ["{{link 'javascript:x' 'book'}}", "book"],
    ["{{bold 'x'}}", "x"],
    ["{{codeBlock vars.text}}", "    one\n    two\n    three"],
    ["{{quote 'a'}}", "> a"],
    ["{{list vars.list}}", "- b\n- a\n- b"],
    ["{{emoji 'fire'}}", "🔥"],
    ["{{emoji 'constructor'}}", ""],
    ["{{urlEncode 'a b/c'}}", "a%20b%2Fc"],
    ["{{withQuery vars.url z='ä b'}}", "https://a.example/x?y=1&z=%C3%A4+b"],
    ["{{vars.list}}", "b, a, b"],
    ["{{vars.map}}", "[object]"],
  ])("%s prints %j", async (text, result) => {
    expect(await printed(text)).toBe(result);
  });

  it.each([
    ["{{bold vars.evil}}", "slack-mrkdwn", "*&lt;!channel&gt; `x` *b**"],
    ["{{code vars.evil}}", "slack-mrkdwn", "`&lt;!channel&gt; 'x' *b*`"],
    ["{{codeBlock 'a ``` <b>'}}", "slack-mrkdwn", "```\na ''' &lt;b&gt;\n```"],
    ["{{link vars.url 'a|b>'}}", "slack-mrkdwn", "<https://a.example/x?y=1|a¦b&gt;>"],
    ["{{time vars.at}}", "slack-mrkdwn", "<!date^1772417649^{date_short_pretty} {time}|2026-03-02 03:14 CET>"],
    ["{{list vars.list}}", "slack-mrkdwn", "• b\n• a\n• b"],
    ["{{mention}} x", "slack-mrkdwn", "<!subteam^S012> x"],
    ["{{bold (link vars.url 'x')}}", "slack-mrkdwn", "*<https://a.example/x?y=1|x>*"],
    ["{{bold ''}}x", "slack-mrkdwn", "x"],
    ["{{bold vars.evil}}", "html", "<strong>&lt;!channel&gt; &#x60;x&#x60; *b*</strong>"],
    ["{{code vars.evil}}", "html", "<code>&lt;!channel&gt; &#x60;x&#x60; *b*</code>"],
    ["{{link vars.url 'a<b'}}", "html", '<a href="https://a.example/x?y&#x3D;1">a&lt;b</a>'],
    ["{{list vars.list}}", "html", "<ul><li>b</li><li>a</li><li>b</li></ul>"],
    ["{{json vars.evil}}", "html", "&quot;\\u003c!channel> &#x60;x&#x60; *b*&quot;".replace(">", "&gt;")],
    ["{{bold vars.evil}}", "markdown", "**\\<\\!channel\\> \\`x\\` \\*b\\***"],
    ["{{code vars.evil}}", "markdown", "``<!channel> `x` *b*``"],
    ["{{link vars.url 'a]b'}}", "markdown", "[a\\]b](https://a.example/x?y=1)"],
    ["{{link vars.url 'x'}}", "header", "x (https://a.example/x?y=1)"],
  ] satisfies [string, Dialect, string][])("%s prints in %s: %s", async (text, dialect, result) => {
    expect(await printed(text, dialect)).toBe(result);
  });

  it("never throw, whatever they are given", async () => {
    const values = fc.oneof(
      fc.constantFrom(
        "vars.s",
        "vars.n",
        "vars.list",
        "vars.map",
        "vars.nothing",
        "vars.at",
        "vars.objects",
        "vars.none",
        "'-1'",
        "vars.huge",
        "-5",
        "true",
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.entries(HELPERS)),
        fc.array(values, { minLength: 3, maxLength: 3 }),
        async ([name, helper], given) => {
          const args = given.slice(0, Math.min(3, Math.max(helper.min, 1), helper.max));
          if (args.length < helper.min) args.push(...given.slice(0, helper.min - args.length));
          const message = await renderMessage({
            catalog,
            inline: `|{{${[name, ...(helper.max === 0 ? [] : args)].join(" ")}}}`,
            dialect: "text",
            limits: LIMITS,
            context: CONTEXT,
          });

          expect(message.templateError).toBeNull();
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    [0, "0ms"],
    [0.0004, "0ms"],
    [0.9999, "1s"],
    [12, "12s"],
    [59.7, "1m"],
    [200, "3m 20s"],
    [3_599.8, "1h"],
    [7_500, "2h 5m"],
    [356_400, "4d 3h"],
    [86_399, "1d"],
    [-12, "-12s"],
    [Number.NaN, ""],
  ])("a duration of %d seconds reads %j", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });
});
