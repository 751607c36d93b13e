import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { vaultSealer } from "../../src/block/sealer.ts";
import type { MasterKey } from "../../src/block/vault.ts";
import { toMasterKey } from "../../src/vault/master-key.ts";

const keyOf = (first: number): MasterKey =>
  toMasterKey(Buffer.from(Array.from({ length: 32 }, (_, i) => first + i)), "env");
const [oldKey, newKey] = [keyOf(0), keyOf(100)];

const vaultOf = (active: MasterKey) => ({
  active: async () => active,
  open: async (kid: string) => (kid === oldKey.kid ? oldKey : newKey),
});
const sealer = vaultSealer(vaultOf(oldKey));

describe("sealed bytes", () => {
  it("open to what was sealed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.string(), async (plain, boundTo) => {
        const opened = await sealer.open(await sealer.seal(plain, boundTo), boundTo);
        expect(Buffer.from(opened ?? [255]).equals(Buffer.from(plain))).toBe(true);
      }),
    );
  });

  it("do not open when one bit of them, or what they are bound to, was changed", async () => {
    const sealed = await sealer.seal(Buffer.from("hunter2"), "k");

    expect(await sealer.open(sealed, "other")).toBeUndefined();
    expect(await sealer.open(sealed.subarray(0, 60), "k")).toBeUndefined();
    expect(await sealer.open(new Uint8Array(), "k")).toBeUndefined();
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await sealer.open(changed, "k"), `byte ${at}`).toBeUndefined();
    }
  });

  it("differ each time, do not show the content, and do not show its length", async () => {
    const [one, two] = [await sealer.seal(Buffer.from("hunter2"), "k"), await sealer.seal(Buffer.from("hunter2"), "k")];

    expect(Buffer.from(one).equals(two)).toBe(false);
    expect(Buffer.from(one).includes("hunter2")).toBe(false);
    expect((await sealer.seal(Buffer.from("h"), "k")).length).toBe(one.length);
  });

  it("open after the key was changed, with the key that they name", async () => {
    const sealed = await sealer.seal(Buffer.from("hunter2"), "k");

    const opened = await vaultSealer(vaultOf(newKey)).open(sealed, "k");

    expect(Buffer.from(opened ?? []).toString()).toBe("hunter2");
  });
});
