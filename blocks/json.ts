import { Block, z } from "../src/sdk.ts";

/** A named JSON value. */
export class JsonBlock extends Block.define({
  slug: "json",
  name: "JSON",
  description: "A JSON value that code and configuration refer to by name.",
  schema: z.object({ value: z.json().meta({ description: "The value." }) }).meta({ title: "JSON" }),
}) {}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    json: JsonBlock;
  }
}
