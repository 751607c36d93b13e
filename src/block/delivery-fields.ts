import { z } from "zod";
import { isBlockName } from "./reference.ts";

const isReference = (text: string): boolean => {
  const [slug = "", ...rest] = text.split("/");
  return isBlockName(slug) && isBlockName(rest.join("/"));
};

const reference = z.string().trim().refine(isReference, 'must name a block, e.g. "email-smtp/ops"');

/**
 * Fields that a channel's schema can take in, so that each saved block says how its deliveries are handled:
 * `fallback`, the block that gets what this one does not take, and `on_ambiguous`, what becomes of a message that may
 * have arrived.
 */
export const deliveryFields = () => ({
  fallback: reference.optional().meta({ description: "Block that gets what this one does not take." }),
  on_ambiguous: z.enum(["retry", "park", "assume-delivered"]).optional().meta({
    description: "When a message may have arrived: send it again, leave it to a person, or trust that it has.",
  }),
});
