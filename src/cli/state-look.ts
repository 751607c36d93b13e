import type { DeliveryStatus } from "../delivery/delivery.ts";
import type { StateType } from "../states/state-type.ts";
import type { Paint } from "./paint.ts";

/** A symbol beside the word, so that colour is never the only carrier. All are one column wide. */
const STATES: Readonly<Record<StateType, readonly [symbol: string, tone: "good" | "bad" | "warn" | "accent" | "dim"]>> =
  {
    SCHEDULED: ["◷", "warn"],
    PENDING: ["○", "dim"],
    RUNNING: ["●", "accent"],
    PAUSED: ["‖", "warn"],
    CANCELLING: ["◌", "warn"],
    CANCELLED: ["⊘", "dim"],
    COMPLETED: ["✓", "good"],
    FAILED: ["✗", "bad"],
    CRASHED: ["✗", "bad"],
  };

const DELIVERIES: Readonly<
  Record<DeliveryStatus, readonly [symbol: string, tone: "good" | "bad" | "warn" | "accent" | "dim"]>
> = {
  queued: ["◷", "warn"],
  sending: ["●", "accent"],
  delivered: ["✓", "good"],
  suppressed: ["⊘", "dim"],
  dead: ["✗", "bad"],
};

/** Every status, in the order of a delivery's life. */
// The keys of a literal of this type.
export const DELIVERY_STATUSES = Object.keys(DELIVERIES) as readonly DeliveryStatus[];

export const stateSymbol = (type: StateType): string => STATES[type][0];
export const paintState = (paint: Paint, type: StateType, text: string): string => paint[STATES[type][1]](text);
export const deliverySymbol = (status: DeliveryStatus): string => DELIVERIES[status][0];
export const paintDelivery = (paint: Paint, status: DeliveryStatus, text: string): string =>
  paint[DELIVERIES[status][1]](text);
