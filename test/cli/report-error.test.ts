import { describe, expect, it } from "vitest";
import { BellhopError } from "../../src/base/errors.ts";
import { openOutput } from "../../src/cli/output.ts";
import { reportError } from "../../src/cli/report-error.ts";

describe("the report of an error", () => {
  it("names what came first when closing failed as well", () => {
    let printed = "";
    const sink = { write: (text: string) => (printed += text) };
    const out = openOutput({ stdout: sink, stderr: sink, env: {}, json: true });
    const full = new BellhopError("store_full", { path: "bellhop.db" });
    const closing = new SuppressedError(new Error("again"), new SuppressedError(new Error("too"), full));

    const code = reportError(out, closing, {});

    expect(code).toBe(3);
    expect(JSON.parse(printed)).toMatchObject({ error: { code: "store_full" } });
  });
});
