import { beforeEach, describe, expect, it } from "vitest";
import type * as module from "../../src/transactions/run-transaction.ts";
import { rejected } from "../support/coded.ts";
import { Kit } from "./kit.ts";

/** A copy of the module of its own, so that what is set here reaches no other test. */
let fresh: typeof module;
let copies = 0;
beforeEach(async () => {
  copies += 1;
  const path = `../../src/transactions/run-transaction.ts?copy=${copies}`;
  // The file that the path names.
  fresh = (await import(/* @vite-ignore */ path)) as typeof module;
});

describe("the public transaction()", () => {
  it("takes log and record store from the hub, in the context of the call", async () => {
    const kit = new Kit();
    fresh.setTransactionDefaults(async () => kit);

    await fresh.transaction({ key: "k" }, async (txn) => txn.stage(1, { onCommitHooks: [kit.hook("commit")] }));

    expect(kit.records.written).toEqual(["k"]);
    expect(kit.messages("info")).toEqual(["transaction hook started", "transaction hook finished"]);
  });

  it("takes a block alone", async () => {
    fresh.setTransactionDefaults(async () => new Kit());

    expect(await fresh.transaction(() => fresh.getTransaction()?.state)).toBe("ACTIVE");
  });

  it("says what to do when there is no hub", async () => {
    await expect(fresh.transaction(() => 1)).rejects.toThrow("import from the package entry");
  });

  it.each([
    { option: "key", options: { key: "" } },
    { option: "commitMode", options: { commitMode: "eager" } },
    { option: "isolationLevel", options: { isolationLevel: "SNAPSHOT" } },
  ])("refuses a wrong $option", async ({ option, options }) => {
    // Callers without types can write this.
    const error = await rejected(fresh.transaction(options as never, () => 1));

    expect(error).toMatchObject({ code: "invalid_definition", details: { option } });
  });

  it("refuses to run without a block", async () => {
    // As above.
    expect(await rejected(fresh.transaction({} as never))).toMatchObject({ code: "invalid_definition" });
  });
});
