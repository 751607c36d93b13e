/** Proof that a provider accepted a message. */
export interface Receipt {
  /** UUIDv7; also in the delivery record. */
  readonly deliveryId: string;
  /** The provider's own id of the message, where it gives one. */
  readonly providerId?: string;
  readonly durationMs: number;
  /** What the provider accepted but remarked on. */
  readonly warnings: readonly string[];
  /** True when the text was cut to the channel's limit. */
  readonly truncated: boolean;
}
