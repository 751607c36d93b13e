import fc from "fast-check";
import { expect, it } from "vitest";
import { formatReference, parseReference } from "../../src/block/reference.ts";
import { coded } from "../support/coded.ts";

const name = fc.stringMatching(/^[a-z0-9-]{1,255}$/);

it("parses what it formats", () => {
  fc.assert(
    fc.property(name, name, (slug, document) => {
      expect(parseReference(formatReference({ slug, name: document }))).toEqual({ slug, name: document });
    }),
  );
});

it.each([
  { reference: "", why: "empty" },
  { reference: "slack-webhook", why: "no slash" },
  { reference: "slack-webhook/", why: "no name" },
  { reference: "/ops", why: "no slug" },
  { reference: "slack-webhook/ops/x", why: "a second slash" },
  { reference: "Slack/ops", why: "upper case" },
  { reference: "slack/my_name", why: "underscore" },
  { reference: "slack/ops\n", why: "a final newline" },
  { reference: `slack/${"x".repeat(256)}`, why: "too long" },
])("refuses a reference with $why", ({ reference }) => {
  expect(coded(() => parseReference(reference)).code).toBe("invalid_block_reference");
});

it("does not repeat a pasted URL in the error", () => {
  const error = coded(() => parseReference("https://hooks.slack.com/services/T000/B000/abcdef"));

  expect(`${error.message} ${error.hint}`).not.toContain("T000");
});
