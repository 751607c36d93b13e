import { describe, expect, it } from "vitest";
import {
  cachePolicy,
  DEFAULT,
  FLOW_PARAMETERS,
  INPUTS,
  NO_CACHE,
  RUN_ID,
  TASK_SOURCE,
} from "../../src/results/cache-policies.ts";
import type { CacheContext, CachePolicy, NamedInputs } from "../../src/results/options.ts";
import { coded } from "../support/coded.ts";

const context: CacheContext = {
  task: { name: "load", source: "() => 1" },
  flowRunId: "flow-1",
  taskRunId: "task-1",
  flowParameters: { day: "monday" },
};
const inputs: NamedInputs = { a: 1, debug: true };

/** What each field of the call changes, for a policy that looks at it. */
const CHANGES: Readonly<Record<string, readonly [Partial<CacheContext>, NamedInputs]>> = {
  inputs: [{}, { ...inputs, a: 2 }],
  debug: [{}, { ...inputs, debug: false }],
  source: [{ task: { name: "load", source: "() => 2" } }, inputs],
  "flow run": [{ flowRunId: "flow-2" }, inputs],
  "flow parameters": [{ flowParameters: { day: "friday" } }, inputs],
};

/** Names of the changes that give another key. */
async function looksAt(policy: CachePolicy): Promise<string[]> {
  const key = await policy.computeKey(context, inputs);
  const changed: string[] = [];
  for (const [name, [other, parameters]] of Object.entries(CHANGES)) {
    if ((await policy.computeKey({ ...context, ...other }, parameters)) !== key) changed.push(name);
  }
  return changed;
}

describe("a cache policy", () => {
  it.each([
    ["INPUTS", INPUTS, ["inputs", "debug"]],
    ["TASK_SOURCE", TASK_SOURCE, ["source"]],
    ["RUN_ID", RUN_ID, ["flow run"]],
    ["FLOW_PARAMETERS", FLOW_PARAMETERS, ["flow parameters"]],
    ["DEFAULT", DEFAULT, ["inputs", "debug", "source", "flow run"]],
    ["NO_CACHE", NO_CACHE, []],
    ["INPUTS.minus", INPUTS.minus("debug"), ["inputs"]],
    ["INPUTS.plus(TASK_SOURCE)", INPUTS.plus(TASK_SOURCE), ["inputs", "debug", "source"]],
    ["DEFAULT.minus", DEFAULT.minus("debug"), ["inputs", "source", "flow run"]],
    ["INPUTS.minus, then plus", INPUTS.minus("debug").plus(RUN_ID), ["inputs", "flow run"]],
    ["minus of one that does not look at inputs", RUN_ID.minus("debug"), ["inputs", "flow run"]],
    ["plus NO_CACHE", INPUTS.plus(NO_CACHE), ["inputs", "debug"]],
    ["NO_CACHE plus another", NO_CACHE.plus(RUN_ID), ["flow run"]],
    ["a function", cachePolicy(({ flowRunId }) => flowRunId), ["flow run"]],
    [
      "a function that gives a promise, with another",
      cachePolicy(async (_c, { a }) => String(a)).plus(RUN_ID),
      ["inputs", "flow run"],
    ],
  ])("%s looks at what it says", async (_name, policy, expected) => {
    expect(await looksAt(policy)).toEqual(expected);
  });

  it("gives no key when it knows nothing to make one of", async () => {
    const outside: CacheContext = { ...context, flowRunId: null, flowParameters: null };

    expect(await NO_CACHE.computeKey(context, inputs)).toBeNull();
    expect(await INPUTS.computeKey(context, {})).toBeNull();
    expect(await FLOW_PARAMETERS.computeKey(outside, inputs)).toBeNull();
    expect(await FLOW_PARAMETERS.computeKey({ ...context, flowParameters: {} }, inputs)).toBeNull();
    expect(await RUN_ID.computeKey(outside, inputs)).toBe("task-1");
  });

  it("is not changed by plus and minus, and the order of composition does not count for arguments", async () => {
    const before = await INPUTS.computeKey(context, inputs);
    INPUTS.plus(RUN_ID).minus("a");

    expect(await INPUTS.computeKey(context, inputs)).toBe(before);
    expect(await INPUTS.plus(INPUTS).computeKey(context, inputs)).toBe(before);
    expect(await RUN_ID.plus(INPUTS).computeKey(context, inputs)).toBe(
      await INPUTS.plus(RUN_ID).computeKey(context, inputs),
    );
  });

  it("gives its key without a promise unless a function of yours gives one", () => {
    expect(DEFAULT.computeKey(context, inputs)).toEqual(expect.any(String));
    expect(cachePolicy(async () => "k").computeKey(context, inputs)).toBeInstanceOf(Promise);
  });

  it("says which argument it can make no key of", () => {
    expect(coded(() => DEFAULT.computeKey(context, { callback: () => 1 }))).toMatchObject({
      code: "input_not_hashable",
      details: { path: "0.callback" },
    });
  });

  it("takes only policies in plus", () => {
    // As a caller without types gives it.
    expect(coded(() => INPUTS.plus("source" as never))).toMatchObject({ code: "invalid_definition" });
  });
});
