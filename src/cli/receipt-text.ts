import type { JsonObject } from "../base/json.ts";
import type { Receipt } from "../block/receipt.ts";
import type { Paint } from "./paint.ts";
import { safeLine } from "./terminal-text.ts";
import { durationText } from "./time-text.ts";

export const receiptJson = (destination: string, receipt: Receipt): JsonObject => ({
  status: "delivered",
  destination,
  delivery_id: receipt.deliveryId,
  provider_id: receipt.providerId ?? null,
  duration_ms: receipt.durationMs,
  truncated: receipt.truncated,
  warnings: receipt.warnings,
});

/** What a person wants to know of an accepted message. */
export function receiptLine(paint: Paint, destination: string, receipt: Receipt): string {
  const remarks = [...(receipt.truncated ? ["cut to the channel's limit"] : []), ...receipt.warnings];
  const noted = remarks.length === 0 ? "" : `\n  ${paint.warn("!")} ${remarks.map(safeLine).join("; ")}`;
  return `${paint.good("✓")} Delivered to ${safeLine(destination)} in ${durationText(receipt.durationMs)} ${paint.dim(`(delivery ${receipt.deliveryId})`)}${noted}`;
}
