import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedactor, maskWhile, redact, redactDeep, redactUrl, registerSecret } from "../../src/base/redactor.ts";
import { MASK } from "../../src/base/secret.ts";

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

/** Every form in which the value is looked for; text that happens to contain the mask's own characters is no leak. */
const formsOf = (value: string): string[] => [
  value,
  encodeURIComponent(value),
  JSON.stringify(value).slice(1, -1),
  base64(value),
  Buffer.from(value, "utf8").toString("base64url"),
];

describe("a redactor", () => {
  it("leaves none of the written forms of a planted secret in any text", () => {
    const secrets = fc.string({ minLength: 5, unit: "grapheme" }).filter((value) => !/^\**$/.test(value));
    fc.assert(
      fc.property(secrets, fc.string(), fc.string(), fc.nat(4), (value, before, after, which) => {
        fc.pre(!before.includes(value) && !after.includes(value));
        const redactor = createRedactor();
        redactor.register(value);
        const form = formsOf(value)[which] ?? value;

        const shown = redactor.redact(`${before}\u0000${form}\u0000${after}`);

        expect(shown).not.toContain(`\u0000${form}\u0000`);
        expect(shown).toContain(MASK);
      }),
    );
  });

  it("masks the longer of two secrets where one contains the other", () => {
    const redactor = createRedactor();
    redactor.register("token-123");
    redactor.register("token-123-with-suffix");

    expect(redactor.redact("a token-123-with-suffix b token-123 c")).toBe(`a ${MASK} b ${MASK} c`);
  });

  it("masks path and query of a secret URL by themselves, unless they are short", () => {
    const redactor = createRedactor();
    redactor.register("https://hooks.slack.com/services/T000/B000/abcdef?x=1");
    redactor.register("https://example.com/hook");

    expect(redactor.redact("POST /services/T000/B000/abcdef?x=1 failed")).toBe(`POST ${MASK} failed`);
    expect(redactor.redact("GET /hook")).toBe("GET /hook");
    expect(redactor.redact("GET https://example.com/hook")).toBe(`GET ${MASK}`);
  });

  it("ignores values under five characters, and the mask", () => {
    const redactor = createRedactor();
    redactor.register("info");
    redactor.register(MASK);

    expect(redactor.size).toBe(0);
    expect(redactor.redact("info")).toBe("info");
  });

  it("takes characters of regular expressions as text", () => {
    const redactor = createRedactor();
    redactor.register("a.b|c(d)[e]");

    expect(redactor.redact("axb|c a.b|c(d)[e]")).toBe(`axb|c ${MASK}`);
  });

  it("takes text with a lone surrogate", () => {
    const redactor = createRedactor();
    redactor.register("abc\ud800def");

    expect(redactor.redact("x abc\ud800def")).toBe(`x ${MASK}`);
  });

  it("forgets the least recently registered value when it is full", () => {
    const redactor = createRedactor(2);
    redactor.register("first-secret");
    redactor.register("second-secret");
    redactor.register("first-secret");
    redactor.register("third-secret");

    expect(redactor.redact("first-secret second-secret third-secret")).toBe(`${MASK} second-secret ${MASK}`);
    expect(redactor.size).toBe(2);
  });
});

/** What the redactor makes of a text when it knows these values. */
function shownOf(text: string, ...values: readonly string[]): string {
  const redactor = createRedactor();
  for (const value of values) redactor.register(value);
  return redactor.redact(text);
}

describe("a secret is masked", () => {
  it("inside a longer base64 text, wherever it begins there", () => {
    const password = "hunter2-and-more";
    for (const before of ["\0user\0", "user:", "u:", ""]) {
      const sent = base64(`${before}${password}`);

      expect(shownOf(`535 bad login ${sent}`, password)).not.toContain(base64(password).slice(4, 16));
      expect(shownOf(`535 bad login ${sent}`, password)).toContain(MASK);
      expect(Buffer.from(shownOf(sent, password).replaceAll(MASK, ""), "base64").toString()).not.toContain("nter2");
    }
  });

  it("inside base64 when it is the password of a secret address", () => {
    const shown = shownOf(`Authorization: Basic ${base64("app:p4ssw0rd-x")}`, "https://app:p4ssw0rd-x@db.example/");

    expect(shown).toContain(MASK);
  });

  it.each([
    ["HTML", "a&amp;b&lt;c&gt;&quot;d&#39;"],
    ["HTML as Handlebars and Python write it", "a&amp;b&lt;c&gt;&quot;d&#x27;"],
    ["HTML as Go writes it", "a&amp;b&lt;c&gt;&#34;d&#39;"],
    ["Slack's markup", "a&amp;b&lt;c&gt;\"d'"],
    ["JSON in JSON", String.raw`a&b<c>\\\"d'`],
  ])("escaped for %s", (_, written) => {
    expect(shownOf(`<${written}>`, `a&b<c>"d'`)).toBe(`<${MASK}>`);
  });

  it.each([
    ["a form", "p+w%2F%C3%A4%3D%26"],
    ["an address as a whole", "p%20w/%C3%A4=&"],
    ["an address with small digits", "p%20w%2f%c3%a4%3d%26"],
    ["ASCII JSON", String.raw`p w/\u00e4=&`],
    ["decomposed characters", "p w/ä=&".normalize("NFD")],
  ])("written as in %s", (_, written) => {
    expect(shownOf(`<${written}>`, "p w/ä=&".normalize("NFC"))).toBe(`<${MASK}>`);
  });

  it("of several lines when one of them is quoted alone, indented, or all on one line", () => {
    const key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----\n";

    expect(shownOf("  9w0BAQEFAASCBKcwggSj", key)).toBe(`  ${MASK}`);
    expect(shownOf(key.replaceAll("\n", "\r\n"), key)).toBe(MASK);
    expect(shownOf(key.replaceAll("\n", " ").trim(), key)).toBe(MASK);
    expect(shownOf("-----BEGIN KEY-----", key)).toBe("-----BEGIN KEY-----");
  });

  it("as a whole where two of them overlap, also when different lists know them", () => {
    expect(shownOf("see abcdefghij.", "abcdef", "defghij")).toBe(`see ${MASK}.`);
    registerSecret("overlap-left-middle");
    using _passing = maskWhile(["middle-right-overlap"]);
    const own = createRedactor();
    own.register("right-overlap-own-end");

    expect(redact("x overlap-left-middle-right-overlap-own-end y", own)).toBe(`x ${MASK} y`);
  });
});

it("masks no more what it was told to forget, unless another secret is written alike", () => {
  const redactor = createRedactor();
  redactor.register("a secret/1");
  redactor.register(encodeURIComponent("a secret/1"));
  redactor.forget("a secret/1");

  expect(redactor.redact("a secret/1 a%20secret%2F1")).toBe(`a secret/1 ${MASK}`);
});

it("stays fast with ten thousand secrets of one host", () => {
  const redactor = createRedactor();
  const url = (number: number): string =>
    `https://hooks.slack.com/services/T000/B000/${String(number).padStart(20, "0")}`;
  for (let number = 0; number < 10_000; number += 1) redactor.register(url(number));
  const text = `see https://hooks.slack.com/docs and ${url(9_999)} `.repeat(100);

  const startedAtMs = performance.now();
  const shown = redactor.redact(text);

  expect(shown).not.toContain("0000000999");
  // About 1 ms; compiling an alternation of all of them would take hundreds.
  expect(performance.now() - startedAtMs).toBeLessThan(100);
});

it("masks values and keys of JSON for the whole process", () => {
  registerSecret("process-wide-secret");

  expect(redactDeep({ "process-wide-secret": ["x process-wide-secret", 1, null, { a: true }] })).toEqual({
    [MASK]: [`x ${MASK}`, 1, null, { a: true }],
  });
  expect(redact("nothing here")).toBe("nothing here");
});

it("shows scheme, host and a fingerprint of a URL", () => {
  const shown = redactUrl("https://user:pw@hooks.slack.com:444/services/T/B/x?token=1");

  expect(shown).toMatch(/^https:\/\/hooks\.slack\.com:444\/… \([0-9a-f]{8}\)$/);
  expect(redactUrl("https://hooks.slack.com:444/services/T/B/y")).not.toBe(shown);
  expect(redactUrl("no url")).toMatch(/^\(not a URL\) \([0-9a-f]{8}\)$/);
});
