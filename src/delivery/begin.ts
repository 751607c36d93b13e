import { messageOf } from "../base/errors.ts";
import { killPoint } from "../base/kill-points.ts";
import { redact } from "../base/redactor.ts";
import type { Delivery } from "./delivery.ts";
import type { StoreAccess } from "./settle-queue.ts";

/** `unknown`: the store did not answer. It is sent in neither of the last two cases. */
export type Beginning = "begun" | "lost" | "unknown";

/**
 * Notes that a suspect is about to be sent, so that only an end of the process from here on counts against it: one that
 * ends for another reason before must not make it give up a message that never left. Never rejects.
 */
export async function begin(
  { id }: Delivery,
  { outbox, log, leaseId }: StoreAccess & { readonly leaseId: string },
): Promise<Beginning> {
  try {
    killPoint("begin:before");
    const isOurs = await outbox.begin(id, leaseId);
    killPoint("begin:after");
    return isOurs ? "begun" : "lost";
  } catch (error) {
    log.warn("the beginning of an attempt could not be stored", { deliveryId: id, error: redact(messageOf(error)) });
    return "unknown";
  }
}
