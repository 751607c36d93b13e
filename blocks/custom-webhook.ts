import {
  BellhopError,
  type Message,
  NotificationBlock,
  type PlaceholderValues,
  type RequestBody,
  bytes,
  deliveryFields,
  fillDeep,
  fillText,
  headerValue,
  isSettableHeader,
  placeholdersIn,
  secretDict,
  z,
} from "../src/sdk.ts";

const MAX_BODY = bytes(100_000);
const MAX_TIMEOUT_SECONDS = 60;

const MESSAGE_KEYS = ["subject", "body", "name"];

/** Message text is percent-encoded where it could end an address or a form field; secrets are put in as they are. */
const encodeMessage = (value: string, key: string): string =>
  key === "subject" || key === "body" ? encodeURIComponent(value.toWellFormed()) : value;

const fillMap = (map: Readonly<Record<string, string>>, values: PlaceholderValues): Record<string, string> =>
  Object.fromEntries(Object.entries(map).map(([key, text]) => [key, fillText(text, values)]));

const texts = () => z.record(z.string(), z.string());
const settableHeaders = () =>
  texts().refine((map) => Object.keys(map).every(isSettableHeader), {
    message: "names a header that is set by the connection itself, or is no header name",
  });

const schema = z
  .object({
    name: z.string().min(1).meta({ description: "Name of the webhook; {{name}} in the fields below." }),
    url: z
      .string()
      .trim()
      .min(1)
      .meta({ description: "Address; may contain placeholders.", examples: ["https://hooks.example.com/{{token}}"] }),
    method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).default("POST"),
    params: texts().optional().meta({ description: "Query of the address." }),
    json_data: z.record(z.string(), z.json()).optional().meta({ description: "Sent as JSON." }),
    form_data: z
      .union([texts(), z.string()])
      .optional()
      .meta({ description: "Sent as a form; a text is sent as it is." }),
    headers: settableHeaders().optional(),
    cookies: texts().optional(),
    timeout: z.number().positive().max(MAX_TIMEOUT_SECONDS).default(10).meta({ description: "Seconds." }),
    allow_private_urls: z.boolean().default(true).meta({ description: "Allow loopback and private addresses." }),
    secrets: secretDict().prefault({}).meta({ description: "Values for placeholders." }),
    ...deliveryFields(),
  })
  .superRefine((config, context) => {
    const { json_data, form_data, params, headers, cookies, secrets, url } = config;
    const problem = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (json_data !== undefined && form_data !== undefined)
      problem("form_data", "cannot be set together with json_data");
    const known = new Set([...MESSAGE_KEYS, ...Object.keys(secrets.reveal())]);
    for (const [path, value] of Object.entries({ url, params, json_data, form_data, headers, cookies })) {
      const unknown = placeholdersIn(value).find((key) => !known.has(key));
      if (unknown !== undefined)
        problem(path, `names {{${unknown}}}, which is neither subject, body, name nor a key of secrets`);
    }
  });
type Config = z.output<typeof schema>;

/** Made anew for each message: the block's own secrets stay as they are. A missing subject is the text `null`. */
const valuesOf = ({ secrets, name }: Config, { title, body }: Message): PlaceholderValues => ({
  ...secrets.reveal(),
  name,
  subject: title === "" ? "null" : title,
  body,
});

/** Message text is percent-encoded in the address, so that it cannot add a query or change the host. */
function urlOf({ url, params = {} }: Config, values: PlaceholderValues): string {
  const filled = fillText(url, values, encodeMessage);
  if (!URL.canParse(filled))
    throw new BellhopError("invalid_address", { problem: "with its placeholders filled in, it is no web address" });
  const target = new URL(filled);
  for (const [key, text] of Object.entries(fillMap(params, values))) target.searchParams.append(key, text);
  return target.href;
}

function bodyOf({ json_data, form_data }: Config, values: PlaceholderValues): RequestBody {
  if (json_data !== undefined) return { type: "json", value: fillDeep(json_data, values) };
  if (form_data === undefined) return { type: "none" };
  if (typeof form_data !== "string") return { type: "form", value: fillMap(form_data, values) };
  return {
    type: "text",
    value: fillText(form_data, values, encodeMessage),
    contentType: "application/x-www-form-urlencoded",
  };
}

function headersOf(
  { headers: own = {}, cookies = {} }: Config,
  values: PlaceholderValues,
  deliveryId: string,
): Record<string, string> {
  const cookie = Object.entries(fillMap(cookies, values)).map(
    ([key, text]) => `${key}=${headerValue(text).replaceAll(";", "%3B")}`,
  );
  const filled = Object.entries(fillMap(own, values)).map(
    ([key, text]) => [key.toLowerCase(), headerValue(text)] as const,
  );
  return {
    "idempotency-key": deliveryId,
    ...(cookie.length === 0 ? {} : { cookie: cookie.join("; ") }),
    ...Object.fromEntries(filled),
  };
}

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
