import { expect, it } from "vitest";
import { blockPromise, methodNames } from "../../src/block/block-promise.ts";

class Base {
  value = 1;
  base(): string {
    return "base";
  }
  toJSON(): string {
    return "json";
  }
}
class Derived extends Base {
  get getter(): never {
    throw new Error("a getter must not run");
  }
  add(amount: number): number {
    return this.value + amount;
  }
  // A class may have it by mistake; a promise must keep its own.
  then_(): number {
    return 1;
  }
}

it("lists the methods of a class and its ancestors, without getters and without what a promise needs", () => {
  expect(methodNames(Derived.prototype).toSorted()).toEqual(["add", "base", "then_"]);
});

it("calls the method once the block is there", async () => {
  const promise = blockPromise(Promise.resolve(new Derived()), methodNames(Derived.prototype));

  expect(await promise.add(2)).toBe(3);
  expect(await promise.base()).toBe("base");
  expect((await promise).value).toBe(1);
  expect(Object.keys(promise)).toEqual([]);
});

it("rejects the call when the load fails", async () => {
  const promise = blockPromise<Derived>(Promise.reject(new Error("no such block")), ["add"]);

  await expect(promise.add(2)).rejects.toThrow("no such block");
});

it("says when the loaded class has no such method", async () => {
  const promise = blockPromise(Promise.resolve(new Derived()), ["notify"]);

  await expect(Reflect.apply(Reflect.get(promise, "notify"), promise, [])).rejects.toThrow(
    'Derived has no method "notify"',
  );
});
