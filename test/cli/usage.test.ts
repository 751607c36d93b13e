import { describe, expect, it } from "vitest";
import { cli } from "../support/cli.ts";

const SECRET = "https://hooks.example/services/T0/B0/c4n4rys3cr3t";

describe("a wrong command line", () => {
  it.each([
    { words: ["blok", "ls"], says: 'There is no command "bellhop blok"', hint: "Did you mean block?" },
    {
      words: ["block", "sav", "slack-webhook/ops"],
      says: 'There is no command "bellhop block sav"',
      hint: "Did you mean save?",
    },
    { words: ["notifi"], says: 'There is no command "bellhop notifi"', hint: "Did you mean notify?" },
    {
      words: ["run", "ls", "--stat", "x"],
      says: 'There is no option --stat in "bellhop run ls"',
      hint: "Did you mean --state?",
    },
    { words: ["run", "ls", "--jsno"], says: "There is no option --jsno", hint: "Did you mean --json?" },
    { words: ["notify"], says: '"bellhop notify" needs <ref>', hint: "bellhop notify --help" },
    { words: ["notify", "slack-webhook/ops"], says: '"bellhop notify" needs <message>', hint: "bellhop notify --help" },
    { words: ["notify", "a/b", "text", "more"], says: "was given more words than it takes", hint: "quotes" },
    { words: ["notify", "a/b", "- three open"], says: "taken for an option", hint: '"--"' },
    {
      words: ["notify", "a/b", "text", "--subject"],
      says: "the option -s, --subject <text> needs a value",
      hint: "--help",
    },
    { words: ["notify", "a/b", "text", "--severity", "bad"], says: "the value of", hint: "Choose one of: info" },
    { words: ["help", "nothing"], says: 'There is no help on "nothing"', hint: "Choose one of" },
  ])("is explained: $words", async ({ words, says, hint }) => {
    const { code, stdout, stderr } = await cli(words);

    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.toLowerCase()).toContain(says.toLowerCase());
    expect(stderr).toContain(hint);
    expect(stderr).toContain("code: cli_usage");
  });

  it("is a JSON error with --json", async () => {
    const { code, stdout, stderr } = await cli(["blok", "--json"]);

    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: "cli_usage",
        message: 'There is no command "bellhop blok".',
        hint: 'Did you mean block? See "bellhop --help".',
      },
    });
  });

  it.each([
    { words: ["block", "save", "slack-webhook/ops", SECRET] },
    { words: ["block", "save", "slack-webhook/ops", `--url=${SECRET}`] },
    { words: ["block", "save", "slack-webhook/ops", `-url=${SECRET}`] },
    { words: ["notify", "slack-webhook/ops", "text", SECRET] },
    { words: ["notify", "slack-webhook/ops", "text", `--severity=${SECRET}`] },
  ])("does not repeat a value that may be a secret: $words.0 $words.1", async ({ words }) => {
    const { code, stdout, stderr } = await cli(words);

    expect(code).toBe(2);
    expect(stdout + stderr).not.toContain("c4n4rys3cr3t");
  });

  it("is answered without a stack", async () => {
    expect((await cli(["blok"])).stderr).not.toMatch(/\n\s+at /);
  });
});
