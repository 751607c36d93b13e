import { expect, it } from "vitest";
import { systemKeychain } from "../../src/vault/keychain.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { rejected } from "../support/coded.ts";

it("gives up on a keychain that does not answer, and reports it as unusable", async () => {
  const clock = new ManualClock();
  const keychain = systemKeychain(clock, () =>
    Promise.resolve({
      getPassword: () => new Promise(() => undefined),
      setPassword: () => new Promise(() => undefined),
    }),
  );

  const answer = rejected(keychain.get("a"));
  await clock.advance(5_000);

  expect(await answer).toMatchObject({
    code: "keychain_unavailable",
    message: expect.stringContaining("no answer in 5 s"),
  });
  expect(clock.pending.all).toBe(0);
});

it("reads back what it stored, and reports a keychain that did not keep it", async () => {
  const stored: string[] = [];
  const entry = {
    getPassword: () => Promise.resolve(stored.at(-1) ?? null),
    setPassword: (value: string) => Promise.resolve(void stored.push(value)),
  };
  const forgetful = { ...entry, setPassword: () => Promise.resolve() };

  await systemKeychain(new ManualClock(), () => Promise.resolve(entry)).set("a", "value");
  const error = await rejected(systemKeychain(new ManualClock(), () => Promise.resolve(forgetful)).set("a", "other"));

  expect(stored).toEqual(["value"]);
  expect(error).toMatchObject({ code: "keychain_unavailable", message: expect.stringContaining("did not keep") });
});

it("reports a module that does not load as an unusable keychain", async () => {
  const keychain = systemKeychain(new ManualClock(), () => Promise.reject(new Error("no prebuilt binary\nat stack")));

  expect((await rejected(keychain.get("a"))).message).toContain("no prebuilt binary.");
});
