import { Block, z } from "../src/sdk.ts";

/** A named text. */
export class StringBlock extends Block.define({
  slug: "string",
  name: "String",
  description: "A text that code and configuration refer to by name.",
  schema: z.object({ value: z.string().meta({ description: "The text." }) }).meta({ title: "String" }),
}) {}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    string: StringBlock;
  }
}
