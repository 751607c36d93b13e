import type { ChannelDefinition } from "../channel/channel.ts";
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

/** One attempt to send a finished message through a block. A failed send is a value, never an exception. */
export function sendThrough(block: object, message: Message, options: SendThroughOptions): Promise<SendResult> {
  return options.transport.send({
    channel: channelOf(block),
    config: ownFields(classOf(block), block),
    message,
    label: labelOf(block),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}
