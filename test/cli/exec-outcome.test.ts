import { describe, expect, it } from "vitest";
import { type Ending, exitCodeOf, isRetriable, stateOf } from "../../src/cli/exec/outcome.ts";

const ending = (parts: Partial<Ending>): Ending => ({
  code: null,
  signal: null,
  unstarted: null,
  stop: null,
  wasKilled: false,
  passedOn: null,
  ...parts,
});
const told = { name: "job", timeoutSeconds: 60, tail: ["last words"] };

describe("how a program ended", () => {
  it.each([
    ["code 0", { code: 0 }, "COMPLETED", "Completed", 0, false, "exited with code 0."],
    ["another code", { code: 3 }, "FAILED", "Failed", 3, true, "exited with code 3."],
    [
      "a signal",
      { signal: "SIGKILL" },
      "CRASHED",
      "Crashed",
      137,
      false,
      "ended by SIGKILL (killed; often by the kernel, out of memory).",
    ],
    ["a signal without a story", { signal: "SIGVTALRM" }, "CRASHED", "Crashed", 154, false, "ended by SIGVTALRM."],
    [
      "a signal passed on",
      { signal: "SIGTERM", passedOn: "SIGTERM" },
      "CRASHED",
      "Crashed",
      143,
      false,
      "after SIGTERM was passed on to it.",
    ],
    [
      "a code after a signal passed on",
      { code: 1, passedOn: "SIGINT" },
      "CRASHED",
      "Crashed",
      1,
      false,
      "exited with code 1 after SIGINT",
    ],
    [
      "code 0 after a signal passed on",
      { code: 0, passedOn: "SIGINT" },
      "COMPLETED",
      "Completed",
      0,
      false,
      "exited with code 0.",
    ],
    [
      "a timeout",
      { signal: "SIGTERM", stop: "timeout" },
      "FAILED",
      "TimedOut",
      124,
      true,
      "its timeout of 60 second(s) and was ended.",
    ],
    [
      "a timeout with code 0",
      { code: 0, stop: "timeout" },
      "FAILED",
      "TimedOut",
      124,
      true,
      "its timeout of 60 second(s)",
    ],
    [
      "no start",
      { unstarted: { code: 127, problem: "could not be started" } },
      "FAILED",
      "Failed",
      127,
      false,
      "could not be started.",
    ],
  ] as const)("with %s gives a state, an exit code and a message", (_, parts, type, name, code, again, text) => {
    const state = stateOf(ending(parts), told);

    expect([state.type, state.name]).toEqual([type, name]);
    expect(exitCodeOf(ending(parts))).toBe(code);
    expect(isRetriable(ending(parts))).toBe(again);
    expect(state.message).toContain(text);
    expect(state.message?.includes("last words")).toBe(type !== "COMPLETED");
  });

  it.each([
    [1, ""],
    [124, " (a time limit ran out)"],
    [125, " (the tool that should start the program failed)"],
    [126, " (a program was found but could not be executed)"],
    [127, " (a program was not found; cron's search path is short)"],
    [130, " (SIGINT: interrupted)"],
    [134, " (SIGABRT: it aborted itself; an assertion or a corrupted heap)"],
    [137, " (SIGKILL: killed; often by the kernel, out of memory)"],
    [139, " (SIGSEGV: invalid memory access; a bug in the program)"],
    [143, " (SIGTERM: terminated; somebody asked it to end)"],
    [154, " (SIGVTALRM)"],
    [241, " (that is -15: terminated)"],
    [247, " (that is -9: killed; often out of memory)"],
    [255, ""],
  ])("explains code %i as a shell or a wrapper means it", (code, text) => {
    expect(stateOf(ending({ code }), { ...told, tail: [] }).message).toBe(
      `The program exited with code ${code}${text}.`,
    );
  });

  it("is not tried again where the same would happen", () => {
    expect(stateOf(ending({ unstarted: { code: 126, problem: "no" } }), told).stateDetails.retriable).toBe(false);
  });

  it("gives messages an error with the program's name and its last lines", () => {
    const error: unknown = stateOf(ending({ code: 3 }), told).peek();

    expect(error).toMatchObject({
      name: "job",
      message: "exited with code 3",
      stack: "job: exited with code 3\nlast words",
    });
  });
});
