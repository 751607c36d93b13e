import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { renderBuiltin } from "../../scripts/gen-builtin.ts";
import { checkDefinition } from "../../src/block/check-definition.ts";
import { methodNames } from "../../src/block/block-promise.ts";
import { schemaDocument } from "../../src/block/schema-document.ts";
import { BUILTIN_BLOCKS } from "../../src/builtin.gen.ts";

it("builtin.gen.ts is what the generator makes of the folder blocks/ (run: npm run gen)", async () => {
  const checkedIn = await readFile(new URL("../../src/builtin.gen.ts", import.meta.url), "utf8");

  expect(withoutLayout(checkedIn)).toBe(withoutLayout(await renderBuiltin()));
});

/** A formatter may lay the file out differently; quotes around keys, commas and white space mean nothing. */
const withoutLayout = (text: string): string => text.replace(/[\s",]/g, "");

describe.each(Object.entries(BUILTIN_BLOCKS))("%s", (slug, builtin) => {
  it("loads a class of its slug, with the methods that were listed, and a schema that can be stored", async () => {
    const type = await builtin.load();

    expect(type.definition.slug).toBe(slug);
    expect(methodNames(type.prototype)).toEqual(builtin.methods);
    expect(() => checkDefinition(type.definition)).not.toThrow();
    expect(schemaDocument(type).checksum).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});
