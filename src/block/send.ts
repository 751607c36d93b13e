import type { ChannelDefinition, OnAmbiguous } from "../channel/channel.ts";
import type { Message } from "../channel/message.ts";
import type { SendResult, Transport } from "../channel/transport.ts";
import { classOf } from "./block-class.ts";
import { documentMeta } from "./document-meta.ts";
import { InvalidBlockRegistrationError } from "./errors.ts";
import { ownFields } from "./fields.ts";
import { formatReference } from "./reference.ts";

type AnyChannel = ChannelDefinition<Readonly<Record<string, unknown>>>;

export interface SendThroughOptions {
  readonly transport: Transport;
  readonly signal?: AbortSignal;
  /** See `SendRequest.degrade`. */
  readonly degrade?: "plain" | "shrink" | undefined;
}

/** The reference of a saved block, else `<slug>/(unsaved)`. */
export function labelOf(block: object): string {
  const { slug } = classOf(block).definition;
  const meta = documentMeta(block);
  return meta === undefined ? `${slug}/(unsaved)` : formatReference({ slug, name: meta.name });
}

/** The channel of a notification block. @throws invalid_block_registration when its type is not a channel. */
export function channelOf(block: object): AnyChannel {
  // A notification type's definition is its channel too, for the values of its own schema.
  const definition = classOf(block).definition as unknown as AnyChannel & { readonly slug: string };
  if (typeof definition.build !== "function") {
    throw new InvalidBlockRegistrationError({ type: definition.slug, problem: "it is not a notification block" });
  }
  return definition;
}

/** Sends through one block. A failed send is a value, never an exception. */
export type Sender = (message: Message, options: SendThroughOptions) => Promise<SendResult>;

/** A sender for many messages: the block's values are read once, now. @throws as {@link channelOf} */
export function openSender(block: object): Sender {
  const through = { channel: channelOf(block), config: ownFields(classOf(block), block), label: labelOf(block) };
  return (message, { transport, signal, degrade }) =>
    transport.send({
      ...through,
      message,
      ...(signal === undefined ? {} : { signal }),
      ...(degrade === undefined ? {} : { degrade }),
    });
}

/** One attempt to send a finished message through a block. */
export const sendThrough = (block: object, message: Message, options: SendThroughOptions): Promise<SendResult> =>
  openSender(block)(message, options);

/** How deliveries to a block are handled beyond its channel's own rules. */
export interface Handling {
  readonly onAmbiguous?: OnAmbiguous;
  /** Reference of the block that gets what this one does not take. */
  readonly fallback?: string;
}

const CHOICES: ReadonlySet<unknown> = new Set<OnAmbiguous>(["retry", "park", "assume-delivered"]);

/** What the block's fields `on_ambiguous` and `fallback` say, where its type has them, else its channel. */
export function handlingOf(block: object): Handling {
  const { on_ambiguous: own, fallback } = ownFields(classOf(block), block);
  const chosen = CHOICES.has(own) ? own : channelOf(block).onAmbiguous;
  return {
    // One of the choices, or what the definition says.
    ...(chosen === undefined ? {} : { onAmbiguous: chosen as OnAmbiguous }),
    ...(typeof fallback === "string" && fallback !== "" ? { fallback } : {}),
  };
}
