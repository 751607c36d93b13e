import { expect, it } from "vitest";
import { joinReferences, splitReferences } from "../../src/block/references.ts";

const ref = (id: string) => ({ $ref: { block_document_id: id } });
const never = (path: string): never => {
  throw new Error(`incomplete at ${path}`);
};

it("takes references out at any depth and puts them back in their places", () => {
  const data = {
    a: ref("1"),
    list: [ref("2"), { deep: ref("3"), keep: 1 }],
    "odd/key~": ref("4"),
    plain: { $ref: "text" },
  };

  const split = splitReferences(data, never);

  expect(split).toEqual({
    data: { list: [null, { keep: 1 }], plain: { $ref: "text" } },
    references: [
      { referencedId: "1", path: "/a" },
      { referencedId: "2", path: "/list/0" },
      { referencedId: "3", path: "/list/1/deep" },
      { referencedId: "4", path: "/odd~1key~0" },
    ],
  });
  expect(joinReferences(split.data, split.references, ({ referencedId }) => ref(referencedId))).toEqual(data);
});

it("names the path of a reference without a document id", () => {
  expect(() => splitReferences({ a: [{ $ref: {} }] }, never)).toThrow("incomplete at /a/0");
});
