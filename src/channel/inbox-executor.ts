import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Executor } from "./executor.ts";
import type { InboxStore } from "./inbox-store.ts";

/** Keeps messages in the local store instead of sending them anywhere. */
export const openInboxExecutor = (inbox: InboxStore, clock: Clock): Executor<"inbox"> => ({
  async execute({ title, body }, { label, deliveryId }) {
    try {
      await inbox.keep({ id: deliveryId, inbox: label, title, body, receivedAtMs: clock.now() });
    } catch (error) {
      const detail = `The inbox did not keep the message: ${messageOf(error)}`;
      return { kind: "outcome", outcome: { kind: "retry", reason: "server", detail, ambiguous: false }, status: null };
    }
    return { kind: "outcome", outcome: { kind: "delivered", providerId: deliveryId }, status: null };
  },
  async [Symbol.asyncDispose]() {},
});
