import { z } from "zod";

/** A field that is a `Date` on the block and ISO 8601 text in the store; input may be either. */
export function dateField(): z.ZodType<Date, Date | string> {
  // Dates given to a constructor are turned into text before they are parsed.
  return z.codec(z.iso.datetime({ offset: true }), z.date(), {
    decode: (text) => new Date(text),
    encode: (date) => date.toISOString(),
  });
}
