/**
 * What a block type is written with. The built-in types in `blocks/` use this file and nothing else of the product,
 * so a third party's type can do whatever they can.
 */
export { z } from "zod";
export { MASK, SecretValue } from "./base/secret.ts";
export { redactUrl } from "./base/redactor.ts";
export { BellhopError } from "./base/errors.ts";
export type { JsonObject, JsonPrimitive, JsonValue } from "./base/json.ts";
export { Block } from "./block/block.ts";
export type { Notifier } from "./block/block.ts";
export { NotificationBlock } from "./block/notification.ts";
export { deliveryFields } from "./block/delivery-fields.ts";
export { blockField } from "./block/nested-block.ts";
export { dateField } from "./block/date-field.ts";
export { secretFromEnvironment } from "./block/secret-lookup.ts";
export { secret, secretBytes, secretDict } from "./block/secret-field.ts";
export type { BlockTypes } from "./block/reference.ts";
export type { NotifyMessage } from "./block/notify-message.ts";
export type { Receipt } from "./block/receipt.ts";
export { bytes, chars } from "./channel/channel.ts";
export { escapeSlack, slackBlocks, slackText } from "./channel/slack-layout.ts";
export { type PlaceholderValues, fillDeep, fillText, placeholdersIn } from "./channel/placeholders.ts";
export { headerValue, isSettableHeader } from "./channel/request-header.ts";
export { isWebUrl } from "./channel/web-url.ts";
export type {
  BuildInput,
  ChannelDefinition,
  ChannelLimits,
  ChannelResponse,
  HttpPlan,
  InboxPlan,
  Limit,
  OnAmbiguous,
  RateLimit,
  RequestBody,
  RequestPlan,
  RetryProfileName,
  SlackWebhookPlan,
  SmtpPlan,
} from "./channel/channel.ts";
export type { Message, MessageField, MessageLink, Severity } from "./channel/message.ts";
export type { Outcome, RateScope, Reason } from "./channel/outcome.ts";
export { fit } from "./templating/fit.ts";
export { SEVERITY_LOOK } from "./templating/severity.ts";
