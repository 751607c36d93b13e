import type { z } from "zod";
import type { ChannelDefinition } from "../channel/channel.ts";
import { currentBlockContext } from "./ambient.ts";
import { Block, type BlockInstance, type DefinedBlock, type Notifier, defineOn } from "./block.ts";
import type { BlockDefinition, BlockSchema } from "./block-class.ts";
import { directMessage } from "./direct-message.ts";
import { DeliveryFailedError } from "./errors.ts";
import type { NotifyMessage } from "./notify-message.ts";
import type { Receipt } from "./receipt.ts";
import { channelOf, labelOf, sendThrough } from "./send.ts";

/** A block type that is a channel: its fields, and how a message becomes one request to the provider. */
export type NotificationDefinition<Slug extends string, S extends BlockSchema> = BlockDefinition<Slug, S> &
  ChannelDefinition<z.output<S>>;

/** The static side of a class made by `NotificationBlock.define`. */
export interface DefinedNotification<Slug extends string, S extends BlockSchema> extends DefinedBlock<
  Slug,
  S,
  NotificationBlock
> {
  new (
    ...input: {} extends z.input<S> ? [input?: z.input<S>] : [input: z.input<S>]
  ): BlockInstance<S, NotificationBlock>;
  /** How it talks to its provider. */
  readonly channel: ChannelDefinition<z.output<S>>;
}

/**
 * Base of the blocks that can tell people something.
 *
 * @example
 * class Pager extends NotificationBlock.define({
 *   slug: "pager",
 *   schema: z.object({ url: secret(z.url()) }),
 *   dialect: "text",
 *   limits: { body: chars(160) },
 *   profile: "page",
 *   build: ({ config, message }) => ({
 *     executor: "http", method: "POST", url: config.url.reveal(), body: { type: "text", value: message.body },
 *   }),
 * }) {}
 */
export class NotificationBlock extends Block implements Notifier {
  /**
   * Sends one message now and waits for the provider's answer. It is tried once: for retries that survive the
   * process, declare a hook with `notify(ref)` instead.
   *
   * @param body Text in the channel's own markup; links written in it work, mentions of everybody do not.
   * @param subject One plain line, used as title where the channel has one.
   * @throws delivery_failed, invalid_payload
   */
  async notify(body: string | NotifyMessage, subject?: string): Promise<Receipt> {
    const given: NotifyMessage =
      typeof body === "string" ? { body, ...(subject === undefined ? {} : { title: subject }) } : body;
    const context = await currentBlockContext();
    const ref = labelOf(this);
    const startedAtMs = context.clock.now();
    const message = directMessage({ given, channel: channelOf(this), ref, nowMs: startedAtMs });
    const options = given.signal === undefined ? {} : { signal: given.signal };
    const { outcome, durationMs, status } = await sendThrough(this, message, {
      transport: context.transport,
      ...options,
    });
    const { deliveryId, title, body: text, truncated } = message;
    context.journal({ deliveryId, destination: ref, title, body: text, startedAtMs, durationMs, outcome, status });
    if (outcome.kind !== "delivered")
      throw new DeliveryFailedError({ ref, reason: outcome.reason, detail: outcome.detail });
    const { providerId, warnings = [] } = outcome;
    return { deliveryId, ...(providerId === undefined ? {} : { providerId }), durationMs, warnings, truncated };
  }

  /** Makes the base class of a channel's block type. Nothing is registered by it. @throws invalid_block_registration */
  static override define<const Slug extends string, S extends BlockSchema>(
    definition: NotificationDefinition<Slug, S>,
  ): DefinedNotification<Slug, S> {
    const capabilities = [...new Set(["notify", ...(definition.capabilities ?? [])])];
    const full = { ...definition, capabilities };
    const Defined = class extends defineOn(NotificationBlock, full) {
      static get channel(): unknown {
        return this.definition;
      }
    };
    // The class has the schema's fields once its constructor ran; TypeScript cannot express that for a generic schema.
    return Defined as unknown as DefinedNotification<Slug, S>;
  }
}
