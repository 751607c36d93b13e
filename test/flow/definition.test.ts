import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { flow } from "../../src/flow.ts";
import { task } from "../../src/task.ts";

const body = (): number => 1;
/** Options as a caller without types gives them. */
const odd = (options: object): never => options as never;

describe("a flow or task", () => {
  it("is a function that shows what it is", () => {
    const nightly = flow({ name: "nightly", retries: 2 }, body);
    const load = task(function load() {});

    expect(typeof nightly).toBe("function");
    expect(String(nightly)).toBe("<Flow: name=nightly>");
    expect(String(load)).toBe("<Task: load>");
    expect(inspect(load)).toBe("<Task: load>");
    expect(nightly.fn).toBe(body);
    expect({ ...nightly }).toMatchObject({
      name: "nightly",
      retries: 2,
      retryDelaySeconds: [0],
      timeoutSeconds: 0,
      tags: [],
      version: null,
    });
  });

  it("takes its name from the function, and needs one otherwise", () => {
    expect(flow(async function fromFunction() {}).name).toBe("fromFunction");
    expect(() => flow(() => 1)).toThrow(/anonymous/);
    expect(() =>
      task(
        (
          () => () =>
            1
        )(),
      ),
    ).toThrow(expect.objectContaining({ code: "invalid_definition" }));
  });

  it("has read-only options", () => {
    const nightly = flow({ name: "nightly" }, body);

    expect(() => Reflect.defineProperty(nightly, "retries", { value: 5 })).not.toThrow();
    expect(Reflect.set(nightly, "retries", 5)).toBe(false);
    expect(nightly.retries).toBe(0);
  });

  it("keeps falsy options in a copy as values; only undefined means keep", () => {
    const original = flow(
      {
        name: "a",
        retries: 3,
        timeoutSeconds: 5,
        retryDelaySeconds: 2,
        tags: ["x"],
        description: "d",
        flowRunName: "n",
      },
      body,
    );

    const copy = original.withOptions({
      retries: 0,
      timeoutSeconds: 0,
      retryDelaySeconds: 0,
      tags: [],
      description: null,
      flowRunName: null,
    });
    const kept = original.withOptions({ retries: undefined } as never);

    expect({ ...copy }).toMatchObject({
      name: "a",
      retries: 0,
      timeoutSeconds: 0,
      retryDelaySeconds: [0],
      tags: [],
      description: null,
      flowRunName: null,
    });
    expect({ ...original }).toMatchObject({ retries: 3, tags: ["x"] });
    expect(kept.retries).toBe(3);
  });

  it.each([
    [{ retries: -1 }, /retries/],
    [{ retries: 1.5 }, /retries/],
    [{ retries: "2" }, /retries/],
    [{ retryDelaySeconds: -1 }, /retryDelaySeconds/],
    [{ retryDelaySeconds: Array.from({ length: 51 }, () => 1) }, /at most 50/],
    [{ retryDelaySeconds: () => ["a"] }, /retryDelaySeconds/],
    [{ retryJitterFactor: -0.1 }, /retryJitterFactor/],
    [{ timeoutSeconds: Number.NaN }, /timeoutSeconds/],
    [{ tags: "abc" }, /tags/],
    [{ tags: [1] }, /tags/],
    [{ version: 2 }, /version/],
    [{ name: 5 }, /name/],
    [{ hookTimeoutSeconds: -1 }, /hookTimeoutSeconds/],
    [{ onfailure: [] }, /onFailure/],
    [{ cacheKey: 1 }, /no such option/],
  ])("refuses %o", (options, message) => {
    for (const define of [
      () => flow(odd({ name: "x", ...options }), body),
      () => task(odd({ name: "x", ...options }), body),
    ]) {
      expect(define).toThrow(message);
      expect(define).toThrow(TypeError);
    }
  });

  it("refuses run names, schemas, conditions and bodies of the wrong kind", () => {
    expect(() => flow(odd({ name: "f", flowRunName: 5 }), body)).toThrow(/flowRunName/);
    expect(() => task(odd({ name: "t", taskRunName: {} }), body)).toThrow(/taskRunName/);
    expect(() => flow(odd({ name: "f", parameters: {} }), body)).toThrow(/zod schema/);
    expect(() => task(odd({ name: "t", retryConditionFn: true }), body)).toThrow(/retryConditionFn/);
    expect(() => flow(odd({ name: "f" }), odd({}))).toThrow(/fn/);
    expect(() => flow(odd({ name: "f" }))).toThrow(TypeError);
  });

  it("refuses storage and serializers that there are not, where it is defined", () => {
    for (const options of [
      { resultStorage: "s3://bucket/results" },
      { resultStorage: "" },
      { resultStorage: 1 },
      { resultSerializer: "yaml" },
      { resultSerializer: { type: "own" } },
    ]) {
      expect(() => task(odd({ name: "a", ...options }), body)).toThrow(
        expect.objectContaining({ name: "TypeError", code: "invalid_definition" }),
      );
      expect(() => flow(odd({ name: "a", ...options }), body)).toThrow(
        expect.objectContaining({ name: "TypeError", code: "invalid_definition" }),
      );
    }
  });

  it("refuses what is no cache policy, where the task is defined", () => {
    for (const cachePolicy of [() => "key", "INPUTS", {}, 1]) {
      expect(() => task(odd({ name: "a", cachePolicy }), body)).toThrow(
        expect.objectContaining({ name: "TypeError", code: "invalid_definition" }),
      );
    }
    expect(task({ name: "a", cachePolicy: null }, body).cachePolicy).toBeNull();
  });

  it("takes its delays from a function of the number of retries", () => {
    const backingOff = task(
      { name: "t", retries: 3, retryDelaySeconds: (retries) => Array.from({ length: retries }, (_, n) => 2 ** n) },
      body,
    );

    expect(backingOff.retryDelaySeconds).toEqual([1, 2, 4]);
  });

  it("keeps its schema in a copy", () => {
    const parameters = z.object({ x: z.number() });

    expect(flow({ name: "f", parameters }, () => 1).withOptions({ name: "g" }).parameters).toBe(parameters);
  });
});
