import type { DeliveryReason } from "../../delivery/delivery.ts";

/** Every reason of a delivery or an attempt, in a sentence for people. */
const REASONS: Readonly<Record<DeliveryReason, string>> = {
  auth: "the credential was refused",
  forbidden: "the credential may not do this",
  "not-found": "the target, or the block, does not exist",
  gone: "the provider has removed the target",
  "invalid-config": "the block's settings are wrong",
  "invalid-payload": "the provider refused the content",
  "too-large": "the message is too long for the provider",
  format: "the provider refused the formatting",
  "rate-limited": "the provider takes no more messages for now",
  quota: "the quota of the account is used up",
  server: "the provider failed",
  timeout: "no answer came in time",
  network: "the connection failed",
  dns: "the host name does not resolve",
  tls: "the secure connection failed",
  proxy: "the proxy refused the connection",
  "blocked-address": "the address is private, which this block does not allow",
  redirect: "the address redirects, which is not followed",
  cancelled: "the send was broken off, because its process ended",
  partial: "some recipients took it, others did not",
  "unexpected-response": "the answer is not one that the channel knows",
  "key-unavailable": "the key that opens the block or the message was not at hand",
  "process-ended": "the process that was sending it ended without recording a result",
  expired: "its time was up",
  "attempts-exhausted": "as many attempts as the channel allows were made",
  overtaken: "a newer message about the same subject took its place",
  "cancelled-by-person": "a person cancelled it",
};

// The keys of a literal of this type.
export const DELIVERY_REASONS = Object.keys(REASONS) as readonly DeliveryReason[];
export const isDeliveryReason = (word: string): word is DeliveryReason => Object.hasOwn(REASONS, word);
/** Reads on after "because". A reason of a newer version is given as it is. */
export const reasonText = (reason: DeliveryReason): string => REASONS[reason] ?? reason;
