import { describe, expect, it } from "vitest";
import { EmailServerCredentials } from "../../blocks/email-server-credentials.ts";
import { EmailSmtp } from "../../blocks/email-smtp.ts";
import type { SmtpPlan } from "../../src/channel/channel.ts";
import { fullMessage } from "../../src/testing.ts";

type Config = ConstructorParameters<typeof EmailSmtp>[0];

const credentials = new EmailServerCredentials({
  username: "bot",
  password: "s3cret-pass",
  smtp_server: "mail.example.org",
  smtp_type: 587,
});
const BASE: Config = { credentials, from: '"Bellhop" <alerts@hub.example>', to: ["oncall@example.org"] };

const plan = (config: Partial<Config> = {}, message: Parameters<typeof fullMessage>[0] = { body: "b" }) =>
  EmailSmtp.channel.build({ config: new EmailSmtp({ ...BASE, ...config }), message: fullMessage(message) }) as SmtpPlan;

describe("email-smtp", () => {
  it("builds one mail with text and HTML, a lasting id and the headers of a robot", () => {
    const made = plan(
      { cc: ["cc@example.org"], bcc: ["bcc@example.org"], reply_to: ["data@example.org"], subject_prefix: "[prod] " },
      {
        deliveryId: "0199f0c2-7a3e-7c51-9d1e-2f6f3a1b7c44",
        conversationKey: "flow-run/1",
        title: "nightly-etl failed",
        body: "Task load raised TimeoutError.",
        fields: [{ name: "Flow", value: "nightly-etl" }],
        links: [{ label: "Open run", url: "https://hub.example/runs/1" }],
      },
    );

    expect(made.server).toEqual({
      host: "mail.example.org",
      port: 587,
      security: "starttls",
      auth: { user: "bot", pass: "s3cret-pass" },
      verify: true,
      allowPrivateUrls: true,
    });
    expect(made.mail).toMatchObject({
      from: '"Bellhop" <alerts@hub.example>',
      to: ["oncall@example.org"],
      cc: ["cc@example.org"],
      bcc: ["bcc@example.org"],
      replyTo: ["data@example.org"],
      subject: "[prod] nightly-etl failed",
      text: "Task load raised TimeoutError.\nFlow: nightly-etl\nOpen run: https://hub.example/runs/1",
      messageId: "<0199f0c2-7a3e-7c51-9d1e-2f6f3a1b7c44@hub.example>",
      conversationKey: "flow-run/1",
      headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
    });
    expect(made.mail.html).toContain('<p style="white-space:pre-wrap">Task load raised TimeoutError.</p>');
    expect(made.mail.html).toContain('<a href="https://hub.example/runs/1">Open run</a>');
  });

  it("leaves a complete HTML document as it is, and wraps a part of one", () => {
    const whole = "<!doctype html><html><body>x</body></html>";

    expect(plan({}, { body: "b", html: whole }).mail.html).toBe(whole);
    expect(plan({}, { body: "b", html: "<p>x</p>" }).mail.html).toMatch(/^<!doctype html>.*<p>x<\/p>/s);
  });

  it("goes to some of its recipients alone where it is asked to", () => {
    const { mail } = plan({ cc: ["cc@example.org"] }, { body: "b", only: ["cc@example.org"] });

    expect(mail).toMatchObject({ to: ["oncall@example.org"], cc: ["cc@example.org"], only: ["cc@example.org"] });
    expect(plan().mail).not.toHaveProperty("only");
  });

  it("takes the first line for the subject when there is no title", () => {
    expect(plan({}, { body: "first line\nsecond" }).mail.subject).toBe("first line");
  });

  it("lets nothing hostile become markup, a link or a header", () => {
    const hostile = "<script>alert(1)</script>\r\nBcc: all@example.org\u202e\ud800";
    const { mail } = plan(
      {},
      {
        title: hostile,
        body: hostile,
        fields: [{ name: hostile, value: hostile }],
        links: [{ label: hostile, url: "javascript:alert(1)" }],
      },
    );

    expect(mail.subject).not.toMatch(/[\r\n]/);
    expect(mail.html).not.toContain("<script>");
    expect(mail.html).not.toContain("javascript:");
    expect(mail.text).not.toContain("javascript:");
  });

  it("cuts a subject that no mail program would show", () => {
    expect(plan({}, { title: "x".repeat(1_000), body: "b" }).mail.subject.length).toBe(255);
  });

  it.each([
    "no-at-sign",
    "a b@example.org",
    "a@b@c",
    "Ops <ops>",
    "ops@example.org, two@example.org",
    "x@y\r\nBcc: z@example.org",
    "x\u0000@example.org",
    "Ops\u2028Bcc <ops@example.org>",
    "<>",
    "",
  ])("refuses %j as an address, without quoting it", (address) => {
    for (const field of ["to", "cc", "bcc", "reply_to"]) {
      expect(() => new EmailSmtp({ ...BASE, [field]: ["fine@example.org", address] })).toThrow(field);
    }
    expect(() => new EmailSmtp({ ...BASE, from: address })).toThrow("from");
  });

  it.each([
    "ops@example.org",
    "Ops <ops@example.org>",
    '"Doe, Jane" <jane@example.org>',
    "ops+tag@sub.example.org",
    "grüße@exämple.de",
  ])("takes %j as an address", (address) => {
    expect(plan({ to: [address] }).mail.to).toEqual([address]);
  });

  it("refuses a list of recipients that is empty or too long, and a prefix of several lines", () => {
    expect(() => new EmailSmtp({ ...BASE, to: [] })).toThrow("to");
    expect(
      () => new EmailSmtp({ ...BASE, to: Array.from({ length: 51 }, (_, index) => `a${index}@example.org`) }),
    ).toThrow("at most 50");
    expect(() => new EmailSmtp({ ...BASE, subject_prefix: "a\r\nBcc: x@example.org" })).toThrow("one line");
  });
});
