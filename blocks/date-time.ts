import { Block, dateField, z } from "../src/sdk.ts";

/** A named instant. */
export class DateTimeBlock extends Block.define({
  slug: "date-time",
  name: "Date Time",
  description: "An instant that code and configuration refer to by name.",
  schema: z
    .object({ value: dateField().meta({ description: "The instant, as ISO 8601 with offset." }) })
    .meta({ title: "DateTime" }),
}) {}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    "date-time": DateTimeBlock;
  }
}
