import type { DeliveryRequest } from "../../runs/delivery-request.ts";

/** What is sent first, as it is stored; the lowest number goes first. */
export const PRIORITY: Readonly<Record<DeliveryRequest["severity"], number>> = {
  critical: 0,
  error: 1,
  warning: 2,
  success: 3,
  info: 3,
};

export const LOWEST_PRIORITY = 3;
