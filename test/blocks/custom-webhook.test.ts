import { describe, expect, it } from "vitest";
import { CustomWebhook } from "../../blocks/custom-webhook.ts";
import type { HttpPlan } from "../../src/channel/channel.ts";
import { channelCases, fullMessage } from "../../src/testing.ts";

type Config = ConstructorParameters<typeof CustomWebhook>[0];

const cases = channelCases(CustomWebhook, {
  config: {
    name: "pager",
    url: "https://hooks.example.com/in/{{token}}",
    params: { source: "{{name}}" },
    json_data: { title: "{{subject}}", text: "{{ body }}", key: "{{token}}", list: ["{{body}}", 1, null, true] },
    headers: { "X-Key": "Bearer {{token}}" },
    cookies: { session: "{{token}}" },
    secrets: { token: "s3cr3t-t0ken/with&chars" },
  },
  message: { title: "Nightly", body: 'failed: "quoted"\nsecond line' },
  sends: {
    method: "POST",
    path: "/in/s3cr3t-t0ken/with&chars?source=pager",
    headers: {
      "content-type": "application/json",
      "x-key": "Bearer s3cr3t-t0ken/with&chars",
      cookie: "session=s3cr3t-t0ken/with&chars",
      "user-agent": "Bellhop/0",
    },
    json: {
      title: "Nightly",
      text: 'failed: "quoted"\nsecond line',
      key: "s3cr3t-t0ken/with&chars",
      list: ['failed: "quoted"\nsecond line', 1, null, true],
    },
  },
  answers: [
    { status: 200, body: "anything", outcome: "delivered" },
    { status: 204, outcome: "delivered" },
    { status: 400, outcome: "invalid-payload" },
    { status: 401, outcome: "auth" },
    { status: 404, outcome: "not-found" },
    { status: 410, outcome: "gone" },
    { status: 413, outcome: "too-large" },
    { status: 429, headers: { "retry-after": "1.5" }, outcome: "rate-limited", retryAfterMs: 1_500 },
    { status: 502, outcome: "server" },
  ],
});

const BASE: Config = { name: "n", url: "https://x.example/" };
const plan = (config: Partial<Config>, message: Parameters<typeof fullMessage>[0] = { body: "b" }) =>
  CustomWebhook.channel.build({
    config: new CustomWebhook({ ...BASE, ...config }),
    message: fullMessage(message),
  }) as HttpPlan;

describe("custom-webhook", () => {
  it.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it("puts every field into the request", () => {
    const made = plan({ method: "PUT", form_data: { a: "{{body}}" }, timeout: 2.5, allow_private_urls: false });

    expect(made).toMatchObject({
      method: "PUT",
      timeoutMs: 2_500,
      allowPrivateUrls: false,
      body: { type: "form", value: { a: "b" } },
    });
  });

  it("sends no body when neither JSON nor form is given", () => {
    expect(plan({}).body).toEqual({ type: "none" });
  });

  it("sends a form given as text as it is, with message text encoded", () => {
    const form_data = "text={{body}}&to=ops";

    expect(plan({ form_data }, { body: "a&b=c" }).body).toMatchObject({ type: "text", value: "text=a%26b%3Dc&to=ops" });
  });

  it("writes null for a missing subject", () => {
    expect(plan({ json_data: { subject: "{{subject}}" } }).body).toEqual({ type: "json", value: { subject: "null" } });
  });

  it("keeps the type of a secret that stands alone", () => {
    const made = plan({ json_data: { id: "{{id}}", label: "no. {{id}}" }, secrets: { id: 17 } });

    expect(made.body).toEqual({ type: "json", value: { id: 17, label: "no. 17" } });
  });

  it("carries the delivery's id, unless the user names another key", () => {
    expect(plan({}, { body: "b", deliveryId: "d-1" }).headers).toMatchObject({ "idempotency-key": "d-1" });
    expect(plan({ headers: { "Idempotency-Key": "own" } }).headers).toMatchObject({ "idempotency-key": "own" });
    expect(plan({ headers: { "User-Agent": "mine" } }).headers).toMatchObject({ "user-agent": "mine" });
  });

  it("does not let message text change the address or add a header", () => {
    const made = plan(
      { url: "https://x.example/{{body}}", headers: { "X-Title": "{{subject}}" } },
      { title: "a\r\nEvil: 1 ü", body: "../?admin=1#@evil.example/\ud800" },
    );

    expect(new URL(made.url).host).toBe("x.example");
    expect(new URL(made.url).search).toBe("");
    expect(made.headers?.["x-title"]).toBe("a%20Evil:%201%20%C3%BC");
  });

  it("leaves its own secrets as they were", () => {
    const block = new CustomWebhook({ ...BASE, json_data: { text: "{{body}}" }, secrets: { token: "t0ken" } });
    CustomWebhook.channel.build({ config: block, message: fullMessage({ body: "b" }) });

    expect(block.secrets.reveal()).toEqual({ token: "t0ken" });
  });

  it("sends a Prefect document unchanged: keys with spaces inside the braces are known", () => {
    expect(plan({ json_data: { a: "{{  body  }} and {{name}}" } }).body).toEqual({
      type: "json",
      value: { a: "b and n" },
    });
  });

  it.each<{ config: Partial<Config>; says: string }>([
    { config: { url: "https://x.example/{{tokn}}", secrets: { token: "tok-12345" } }, says: "{{tokn}}" },
    { config: { json_data: { deep: [{ a: "{{nope}}" }] } }, says: "{{nope}}" },
    { config: { headers: { "X-A": "{{nope}}" } }, says: "{{nope}}" },
    { config: { cookies: { a: "{{nope}}" } }, says: "{{nope}}" },
    { config: { params: { a: "{{nope}}" } }, says: "{{nope}}" },
    { config: { form_data: "a={{nope}}" }, says: "{{nope}}" },
    { config: { json_data: {}, form_data: {} }, says: "together" },
    { config: { headers: { Host: "evil.example" } }, says: "header" },
    { config: { headers: { "content-length": "1" } }, says: "header" },
    { config: { headers: { "bad name": "1" } }, says: "header" },
    { config: { timeout: 0 }, says: "timeout" },
    { config: { timeout: 61 }, says: "timeout" },
  ])("refuses at construction what cannot be sent: $says", ({ config, says }) => {
    expect(() => new CustomWebhook({ ...BASE, ...config })).toThrow(
      expect.objectContaining({ code: "block_validation_failed" }),
    );
    expect(() => new CustomWebhook({ ...BASE, ...config })).toThrow(says);
  });

  it("reports an address that is none once its placeholders are filled, without quoting it", () => {
    const make = () => plan({ url: "{{token}}", secrets: { token: "no-address-but-secret" } });

    expect(make).toThrow(expect.objectContaining({ code: "invalid_address" }));
    expect(make).not.toThrow("no-address");
  });
});
