import { describe, expect, it } from "vitest";
import { BellhopError } from "../../src/base/errors.ts";
import { registerSecret } from "../../src/base/redactor.ts";
import { MASK } from "../../src/base/secret.ts";
import { openOutput, type Output } from "../../src/cli/output.ts";
import { reportError } from "../../src/cli/report-error.ts";
import { facts, table } from "../../src/cli/table.ts";

const SECRET = "cli secret of four\nwords, two lines\tand a tab";
registerSecret(SECRET);

function capture(write: (out: Output) => void, options: { readonly json?: boolean } = {}): string {
  let text = "";
  const sink = { isTTY: true, columns: 40, write: (chunk: string) => (text += chunk) };
  write(openOutput({ stdout: sink, stderr: sink, env: { NO_COLOR: "1" }, json: options.json === true }));
  return text;
}

describe("a secret that does not fit its line", () => {
  const long = `this text is as long as the line is, and ${SECRET}`;

  it("is masked in an error, not wrapped into parts", () => {
    const error = new BellhopError("cli_usage", { problem: long, next: long });

    const shown = capture((out) => reportError(out, error, { BELLHOP_DEBUG: "1" }));

    expect(shown).toContain(MASK);
    expect(shown).not.toMatch(/cli secret|four|words|two lines|and a tab/);
  });

  it("is masked in a table and in a list of facts, not cut", () => {
    const rows = [{ id: "1", text: SECRET }];
    const columns = [
      { title: "ID", of: (row: { id: string }) => row.id },
      { title: "TEXT", of: (row: { text: string }) => row.text, flexible: true },
    ];

    const shown = capture((out) => {
      table(out, columns, rows);
      facts(out, [["text", long]]);
    });

    expect(shown.split(MASK)).toHaveLength(3);
    expect(shown).not.toMatch(/cli secret|four|words|two lines|and a tab/);
  });
});

it("JSON for programs holds no character that a terminal would obey", () => {
  const text = "a\u001B]52;c;x\u0007b\u009B31mc\u202Ed\u2066e\u007F";

  const shown = capture((out) => out.value({ text }), { json: true });

  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
  expect(shown).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E\u2066]/);
  expect(JSON.parse(shown)).toEqual({ text });
});
