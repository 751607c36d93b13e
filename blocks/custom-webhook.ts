import { BellhopError, type JsonValue, type Message, NotificationBlock, type RequestBody, bytes, secretDict, z } from "../src/sdk.ts";

const MAX_BODY = bytes(100_000);
const MAX_TIMEOUT_SECONDS = 60;

/** These belong to the connection, or tell the receiver where a request came from. */
const RESERVED_HEADER =
  /^(host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|date|via|forwarded|content-encoding|accept-encoding|x-real-ip|proxy-.*|x-forwarded-.*)$/i;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const PLACEHOLDER = /\{\{\s*([\w.-]+)\s*\}\}/g;
const MESSAGE_KEYS = ["subject", "body", "name"];

type Values = Readonly<Record<string, unknown>>;

const asText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

const percentEncoded = (text: string): string => encodeURIComponent(text.toWellFormed());

/** Text with its placeholders filled in; `escape` is applied to what comes from the message. */
const fill = (text: string, values: Values, escape: (text: string) => string = (plain) => plain): string =>
  text.replaceAll(PLACEHOLDER, (_, key: string) => (key === "subject" || key === "body" ? escape(asText(values[key])) : asText(values[key])));

/** A structure with its texts filled in. A text that is one placeholder and nothing else becomes the value itself. */
function fillDeep(value: JsonValue, values: Values): JsonValue {
  if (typeof value === "string") {
    const [whole, key] = /^\{\{\s*([\w.-]+)\s*\}\}$/.exec(value) ?? [];
    // The values are texts and the JSON of the secrets field.
    return whole === undefined ? fill(value, values) : (values[String(key)] as JsonValue);
  }
  if (typeof value !== "object" || value === null) return value;
  // Both kinds of container keep their shape.
  if (Array.isArray(value)) return value.map((item: JsonValue) => fillDeep(item, values));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillDeep(item, values)]));
}

const fillMap = (map: Readonly<Record<string, string>>, values: Values): Record<string, string> =>
  Object.fromEntries(Object.entries(map).map(([key, text]) => [key, fill(text, values)]));

const keysIn = (value: unknown): string[] =>
  [...(JSON.stringify(value) ?? "").matchAll(PLACEHOLDER)].map(([, key]) => String(key));

const texts = () => z.record(z.string(), z.string());
const headers = () =>
  texts().refine((map) => Object.keys(map).every((name) => HEADER_NAME.test(name) && !RESERVED_HEADER.test(name)), {
    message: "names a header that is set by the connection itself, or is no header name",
  });

const schema = z
  .object({
    name: z.string().min(1).meta({ description: "Name of the webhook; {{name}} in the fields below." }),
    url: z.string().trim().min(1).meta({ description: "Address; may contain placeholders.", examples: ["https://hooks.example.com/{{token}}"] }),
    method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).default("POST"),
    params: texts().optional().meta({ description: "Query of the address." }),
    json_data: z.record(z.string(), z.json()).optional().meta({ description: "Sent as JSON." }),
    form_data: z.union([texts(), z.string()]).optional().meta({ description: "Sent as a form; a text is sent as it is." }),
    headers: headers().optional(),
    cookies: texts().optional(),
    timeout: z.number().positive().max(MAX_TIMEOUT_SECONDS).default(10).meta({ description: "Seconds." }),
    allow_private_urls: z.boolean().default(true).meta({ description: "Allow loopback and private addresses." }),
    secrets: secretDict().prefault({}).meta({ description: "Values for placeholders." }),
  })
  .superRefine((config, context) => {
    const { json_data, form_data, params, cookies, secrets, url } = config;
    const problem = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (json_data !== undefined && form_data !== undefined) problem("form_data", "cannot be set together with json_data");
    const known = new Set([...MESSAGE_KEYS, ...Object.keys(secrets.reveal())]);
    for (const [path, value] of Object.entries({ url, params, json_data, form_data, headers: config.headers, cookies })) {
      const unknown = keysIn(value).find((key) => !known.has(key));
      if (unknown !== undefined) problem(path, `names {{${unknown}}}, which is neither subject, body, name nor a key of secrets`);
    }
  });
type Config = z.output<typeof schema>;

/** Made anew for each message: the block's own secrets stay as they are. A missing subject is the text `null`. */
const valuesOf = ({ secrets, name }: Config, { title, body }: Message): Values => ({
  ...secrets.reveal(),
  name,
  subject: title === "" ? "null" : title,
  body,
});

/** Message text is percent-encoded in the address, so that it cannot add a query or change the host. */
function urlOf({ url, params = {} }: Config, values: Values): string {
  const filled = fill(url, values, percentEncoded);
  if (!URL.canParse(filled)) throw new BellhopError("invalid_address", { problem: "with its placeholders filled in, it is no web address" });
  const target = new URL(filled);
  for (const [key, text] of Object.entries(fillMap(params, values))) target.searchParams.append(key, text);
  return target.href;
}

function bodyOf({ json_data, form_data }: Config, values: Values): RequestBody {
  if (json_data !== undefined) return { type: "json", value: fillDeep(json_data, values) };
  if (form_data === undefined) return { type: "none" };
  if (typeof form_data !== "string") return { type: "form", value: fillMap(form_data, values) };
  return { type: "text", value: fill(form_data, values, percentEncoded), contentType: "application/x-www-form-urlencoded" };
}

/** Header values are one line. Source: RFC 9110, section 5.5. */
// oxlint-disable-next-line no-control-regex -- these would end the header
const oneLine = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").trim();

function headersOf({ headers: own = {}, cookies = {} }: Config, values: Values, deliveryId: string): Record<string, string> {
  const cookie = Object.entries(fillMap(cookies, values)).map(([key, text]) => `${key}=${oneLine(text).replaceAll(";", "%3B")}`);
  const filled = Object.entries(fillMap(own, values)).map(([key, text]) => [key.toLowerCase(), encodeHeader(oneLine(text))] as const);
  return { "idempotency-key": deliveryId, ...(cookie.length === 0 ? {} : { cookie: encodeHeader(cookie.join("; ")) }), ...Object.fromEntries(filled) };
}

/** Headers carry ASCII safely and nothing else; other text is percent-encoded. */
const encodeHeader = (text: string): string => (/^[\x20-\x7e]*$/.test(text) ? text : encodeURI(text.toWellFormed()));

/** Any HTTP receiver: the request is described field by field, with placeholders for message and secrets. */
export class CustomWebhook extends NotificationBlock.define({
  slug: "custom-webhook",
  name: "Custom Webhook",
  description: "Sends an HTTP request of your own shape.",
  schema,
  dialect: "text",
  limits: { body: MAX_BODY },
  profile: "webhook",
  rate: { capacity: 10, refillPerSecond: 5 },
  build: ({ config, message }) => {
    const values = valuesOf(config, message);
    return {
      executor: "http",
      method: config.method,
      url: urlOf(config, values),
      headers: headersOf(config, values, message.deliveryId),
      body: bodyOf(config, values),
      timeoutMs: config.timeout * 1_000,
      allowPrivateUrls: config.allow_private_urls,
    };
  },
}) {}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    "custom-webhook": CustomWebhook;
  }
}
