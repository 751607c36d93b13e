import { inspect } from "node:util";
import { expect, it } from "vitest";
import { Secret } from "../../src/index.ts";
import { openTestHub } from "../support/hub.ts";

it("a hub shows neither its key nor a secret of the environment, however it is printed", async () => {
  const variable = "BELLHOP_SECRET__PRINTED_HUB";
  process.env[variable] = "environment-secret-of-the-hub";
  try {
    const key = Buffer.alloc(32, "printed-hub-key!").toString("base64");
    await using test = await openTestHub({ encryptionKey: key });
    await test.within(() => new Secret({ value: "x" }).save("x"));

    const { hub } = test;
    const prints = [inspect(hub, { depth: 12, showHidden: true }), inspect(hub), JSON.stringify(hub.config)].join("\n");

    expect(await test.within(() => Secret.get("PRINTED_HUB"))).toBe("environment-secret-of-the-hub");
    expect(prints.length).toBeGreaterThan(1_000);
    expect(prints.includes(key)).toBe(false);
    expect(prints.includes("environment-secret-of-the-hub")).toBe(false);
  } finally {
    // oxlint-disable-next-line no-dynamic-delete -- set above
    delete process.env[variable];
  }
});
