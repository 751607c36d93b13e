import { fit } from "../templating/fit.ts";
import type { ChannelLimits, Limit } from "./channel.ts";
import type { Message } from "./message.ts";

const halved = ({ max, unit }: Limit): Limit => ({ max: Math.floor(max / 2), unit });

/**
 * The message within the channel's limits. Rendered messages already are; this is the guard for all others, and the way
 * in which a message that the provider found too long is rebuilt at half the size.
 * A form that cannot be cut (provider JSON, HTML) gives way to the plain text.
 */
export function fitMessage(message: Message, limits: ChannelLimits, degrade?: "plain" | "shrink"): Message {
  const scaled = (limit: Limit): Limit => (degrade === "shrink" ? halved(limit) : limit);
  const title = limits.title === undefined ? undefined : fit(message.title, scaled(limits.title));
  const body = fit(message.body, scaled(limits.body));
  const fields = fitFields(message, limits, scaled);
  const truncated = message.truncated || title?.truncated === true || body.truncated || fields !== message.fields;
  if (
    degrade === undefined &&
    truncated === message.truncated &&
    !body.truncated &&
    title?.truncated !== true &&
    fields === message.fields
  )
    return message;
  const { native, html, ...rest } = message;
  return {
    ...rest,
    title: title?.text ?? message.title,
    body: body.text,
    fields,
    truncated,
    ...(degrade === undefined && native !== undefined ? { native } : {}),
    ...(degrade !== "shrink" && !body.truncated && html !== undefined ? { html } : {}),
  };
}

function fitFields(message: Message, limits: ChannelLimits, scaled: (limit: Limit) => Limit): Message["fields"] {
  const { fieldValue, maxFields = message.fields.length } = limits;
  const isLong =
    fieldValue !== undefined && message.fields.some(({ value }) => fit(value, scaled(fieldValue)).truncated);
  if (!isLong && message.fields.length <= maxFields) return message.fields;
  const cut = (value: string): string => (fieldValue === undefined ? value : fit(value, scaled(fieldValue)).text);
  return message.fields
    .slice(0, maxFields)
    .map(({ name, value, short }) => ({ name, value: cut(value), ...(short === undefined ? {} : { short }) }));
}
