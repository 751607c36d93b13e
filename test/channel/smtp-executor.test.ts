import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { systemResolver, type Resolver } from "../../src/channel/address-guard.ts";
import type { SmtpPlan } from "../../src/channel/channel.ts";
import { openSmtpExecutor } from "../../src/channel/smtp-executor.ts";
import { classifySmtpError } from "../../src/channel/smtp-outcome.ts";
import { type Inbox, startInbox } from "../../src/inbox/inbox.ts";
import type { MailAnswerScript, ReceivedMail } from "../../src/inbox/received.ts";
import { ManualClock } from "../support/manual-clock.ts";

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

const MAIL: SmtpPlan["mail"] = {
  from: '"Bellhop" <alerts@hub.example>',
  to: ["one@example.org", "two@example.org"],
  subject: "nightly failed",
  text: "Task load failed.",
  html: "<p>Task load failed.</p>",
  messageId: "<d-1@hub.example>",
  conversationKey: "flow-run/1",
  headers: { "Auto-Submitted": "auto-generated" },
};

const planFor = (
  port: number,
  server: Partial<SmtpPlan["server"]> = {},
  mail: Partial<SmtpPlan["mail"]> = {},
): SmtpPlan => ({
  executor: "smtp",
  server: { host: "127.0.0.1", port, security: "none", ...server },
  mail: { ...MAIL, ...mail },
});

async function open(options: { clock?: Clock; resolve?: Resolver } = {}) {
  const inbox: Inbox = stack.use(await startInbox({ httpPort: null }));
  const executor = stack.use(await openSmtpExecutor({ clock: systemClock, resolve: systemResolver, ...options }));
  const send = async (server?: Partial<SmtpPlan["server"]>, mail?: Partial<SmtpPlan["mail"]>, signal?: AbortSignal) => {
    const done = await executor.execute(planFor(inbox.smtpPort, server, mail), {
      label: "email-smtp/ops",
      deliveryId: "d-1",
      signal,
    });
    if (done.kind !== "outcome") throw new Error("a mail has no response to judge");
    return done;
  };
  return { inbox, executor, send, mails: () => inbox.messages as readonly ReceivedMail[] };
}

/** A mail server that says exactly these lines, one after each line it hears. */
async function scripted(
  greeting: string,
  replies: (line: string, socket: Socket) => string | undefined,
): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).write(`${greeting}\r\n`);
    let rest = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const reply = replies(line, socket);
        if (reply !== undefined) socket.write(`${reply}\r\n`);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  // A server that listens on a port has an address object.
  return (server.address() as AddressInfo).port;
}

describe("smtp executor", () => {
  it("hands over one mail for all recipients, with a lasting id and a thread", async () => {
    const { send, mails } = await open();

    const { outcome, status } = await send(undefined, { bcc: ["hidden@example.org"] });

    expect(outcome).toEqual({ kind: "delivered", providerId: "<d-1@hub.example>" });
    expect(status).toBe(250);
    const [got] = mails();
    expect(got?.envelope).toEqual({
      from: "alerts@hub.example",
      to: ["one@example.org", "two@example.org", "hidden@example.org"],
    });
    expect(got?.mail).toMatchObject({
      subject: "nightly failed",
      messageId: "<d-1@hub.example>",
      html: expect.stringContaining("<p>Task load failed.</p>"),
    });
    expect(got?.mail.text.trim()).toBe("Task load failed.");
    expect(got?.mail.headers).toMatchObject({
      "auto-submitted": "auto-generated",
      references: expect.stringMatching(/^<conv-[0-9a-f]{32}@hub\.example>$/),
    });
    expect(got?.mail.headers["in-reply-to"]).toBe(got?.mail.headers["references"]);
    expect(got?.raw).not.toContain("hidden@example.org");
  });

  it("logs in, and upgrades to TLS where it is asked to", async () => {
    const { send, mails } = await open();

    const { outcome } = await send({ security: "starttls", verify: false, auth: { user: "bot", pass: "s3cret" } });

    expect(outcome.kind).toBe("delivered");
    expect(mails()[0]).toMatchObject({ user: "bot", secure: true });
  });

  it("uses its connection again", async () => {
    const { send, mails } = await open();

    await send();
    await send();

    expect(mails()).toHaveLength(2);
  });

  it.each<{ refusal: MailAnswerScript; outcome: object; status: number | null }>([
    { refusal: { at: "connect", code: 421, text: "too busy" }, outcome: { kind: "retry" }, status: 421 },
    {
      refusal: { at: "connect", code: 554, text: "go away" },
      outcome: { kind: "permanent", reason: "unexpected-response" },
      status: 554,
    },
    { refusal: { at: "mail", code: 550, text: "bad sender" }, outcome: { kind: "permanent" }, status: 550 },
    {
      refusal: { at: "mail", code: 451, text: "later" },
      outcome: { kind: "retry", reason: "server", afterMs: 60_000 },
      status: 451,
    },
    {
      refusal: { at: "data", code: 552, text: "too big" },
      outcome: { kind: "permanent", reason: "too-large", degrade: "shrink" },
      status: 552,
    },
    {
      refusal: { at: "data", code: 554, text: "spam" },
      outcome: { kind: "permanent", reason: "invalid-payload" },
      status: 554,
    },
    {
      refusal: { at: "data", code: 451, text: "later" },
      outcome: { kind: "retry", reason: "server", ambiguous: false },
      status: 451,
    },
  ])("judges $refusal.code at $refusal.at", async ({ refusal, outcome, status }) => {
    const { inbox, send } = await open();
    inbox.refuseNext(refusal);

    const sent = await send();

    expect(sent.outcome).toMatchObject(outcome);
    expect(sent.status).toBe(status);
  });

  it.each([
    { code: 535, outcome: { kind: "permanent", reason: "auth", disableBlock: true } },
    { code: 454, outcome: { kind: "retry", reason: "auth" } },
  ])("judges a login refused with $code", async ({ code, outcome }) => {
    const { inbox, send } = await open();
    inbox.refuseNext({ at: "auth", code, text: "no" });

    expect((await send({ auth: { user: "bot", pass: "s3cret" } })).outcome).toMatchObject(outcome);
  });

  it("waits a minute when all recipients are greylisted", async () => {
    const { inbox, send } = await open();
    inbox.refuseNext({ at: "rcpt", code: 450, text: "4.2.0 greylisted" });

    const { outcome, status } = await send(undefined, { to: ["one@example.org"] });

    expect(outcome).toMatchObject({ kind: "retry", reason: "server", afterMs: 60_000, ambiguous: false });
    expect(status).toBe(450);
  });

  it("gives up when the server knows no such recipient", async () => {
    const { inbox, send } = await open();
    inbox.refuseNext({ at: "rcpt", code: 550, text: "5.1.1 no such user" });

    expect((await send(undefined, { to: ["one@example.org"] })).outcome).toMatchObject({
      kind: "permanent",
      reason: "not-found",
    });
  });

  it("is delivered with a warning when some recipients were refused", async () => {
    const { inbox, send, mails } = await open();
    inbox.refuseNext({ at: "rcpt", code: 550, text: "5.1.1 no such user", recipient: "two@example.org" });

    const { outcome } = await send();

    expect(outcome).toMatchObject({
      kind: "delivered",
      warnings: [expect.stringMatching(/^partial: two@example\.org was refused: 550 .*no such user/)],
    });
    expect(mails()[0]?.envelope.to).toEqual(["one@example.org"]);
  });

  it("names the recipients refused for now, to be sent to alone", async () => {
    const { inbox, send, mails } = await open();
    inbox.refuseNext(
      { at: "rcpt", code: 450, text: "4.2.0 greylisted", recipient: "one@example.org" },
      { at: "rcpt", code: 550, text: "5.1.1 no such user", recipient: "two@example.org" },
    );

    const { outcome } = await send(undefined, { bcc: ["hidden@example.org"] });

    expect(outcome).toMatchObject({
      kind: "delivered",
      warnings: [
        "partial: one@example.org was refused for now: 450 4.2.0 greylisted",
        "partial: two@example.org was refused: 550 5.1.1 no such user",
      ],
      remaining: { targets: ["one@example.org"], afterMs: 60_000 },
    });
    expect(mails()[0]?.envelope.to).toEqual(["hidden@example.org"]);
  });

  it("hands the same mail to some of its recipients alone", async () => {
    const { send, mails } = await open();

    const { outcome } = await send(undefined, { only: ["two@example.org", "stranger@example.org"] });

    expect(outcome).toEqual({ kind: "delivered", providerId: "<d-1@hub.example>" });
    expect(mails()).toMatchObject([
      {
        envelope: { from: "alerts@hub.example", to: ["two@example.org"] },
        mail: { to: ["one@example.org", "two@example.org"], messageId: "<d-1@hub.example>" },
      },
    ]);
  });

  it("sends nothing when none of those is a recipient", async () => {
    const { send, mails } = await open();

    const { outcome } = await send(undefined, { only: ["stranger@example.org"] });

    expect(outcome).toMatchObject({ kind: "permanent", reason: "invalid-config" });
    expect(mails()).toEqual([]);
  });

  it.each([
    { codes: [550, 550], outcome: { kind: "permanent", reason: "partial" } },
    { codes: [550, 450], outcome: { kind: "retry", afterMs: 60_000 } },
    { codes: [450, 550], outcome: { kind: "retry", afterMs: 60_000 } },
  ])("judges a rest that is refused with $codes", async ({ codes, outcome }) => {
    const { inbox, send } = await open();
    const only = ["one@example.org", "two@example.org"];
    inbox.refuseNext(...codes.map((code, index) => ({ at: "rcpt" as const, code, recipient: only[index] ?? "" })));

    expect((await send(undefined, { only, bcc: ["hidden@example.org"] })).outcome).toMatchObject(outcome);
  });

  it("leaves open whether a mail was taken when the connection breaks while it is handed over", async () => {
    const { inbox, send } = await open();
    inbox.refuseNext({ at: "data", drop: true });

    expect((await send()).outcome).toMatchObject({ kind: "retry", reason: "network", ambiguous: true });
  });

  it("knows that nothing was taken when the connection breaks before", async () => {
    const { inbox, send } = await open();
    inbox.refuseNext({ at: "rcpt", drop: true });

    expect((await send()).outcome).toMatchObject({ kind: "retry", ambiguous: false });
  });

  it("tries again when there is no server", async () => {
    const { send } = await open();

    expect((await send({ port: 1 })).outcome).toEqual({
      kind: "retry",
      reason: "network",
      ambiguous: false,
      detail: "127.0.0.1:1: No connection (ECONNREFUSED)",
    });
  });

  it("reports a host without address, and a private one where that is refused", async () => {
    const resolve: Resolver = async (host) => {
      if (host === "internal.example") return [{ address: "10.0.0.1", family: 4 }];
      throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    };
    const { send, inbox } = await open({ resolve });

    expect((await send({ host: "nowhere.example" })).outcome).toMatchObject({
      kind: "retry",
      reason: "dns",
      maxAttempts: 3,
    });
    expect((await send({ host: "internal.example", allowPrivateUrls: false })).outcome).toMatchObject({
      kind: "permanent",
      reason: "blocked-address",
    });
    expect((await send({ allowPrivateUrls: false })).outcome).toMatchObject({
      kind: "permanent",
      reason: "blocked-address",
    });
    expect(inbox.messages).toEqual([]);
  });

  it("never falls back to clear text when TLS cannot be had", async () => {
    const heard: string[] = [];
    const port = await scripted("220 plain ESMTP", (line) => {
      heard.push(line);
      return line.startsWith("EHLO") ? "250 plain" : "502 no";
    });
    const { executor } = await open();

    const done = await executor.execute(planFor(port, { security: "starttls" }), { label: "l", deliveryId: "d" });

    expect(done).toMatchObject({ outcome: { kind: "retry", reason: "tls", maxAttempts: 2 } });
    expect(heard.some((line) => line.startsWith("MAIL"))).toBe(false);
  });

  it("refuses a certificate it cannot verify", async () => {
    const { send } = await open();

    expect((await send({ security: "starttls" })).outcome).toMatchObject({
      kind: "retry",
      reason: "tls",
      maxAttempts: 2,
    });
  });

  it("gives up at the deadline, though the server is still there", async () => {
    const clock = new ManualClock();
    let greeted = false;
    const port = await scripted("220 slow ESMTP", () => {
      greeted = true;
      return undefined;
    });
    const { executor } = await open({ clock });
    const sending = executor.execute({ ...planFor(port), timeoutMs: 5_000 }, { label: "l", deliveryId: "d" });
    await clock.until(() => greeted);

    await clock.advance(5_000);

    expect(await sending).toMatchObject({
      outcome: { kind: "retry", reason: "timeout", detail: "The mail was not handed over within 5 s" },
    });
    expect(clock.pending.all).toBe(0);
  });

  it("stops when the caller says so, and when it is closed", async () => {
    const port = await scripted("220 slow ESMTP", (line) =>
      line.startsWith("EHLO") ? (heardEhlo.resolve(), undefined) : undefined,
    );
    const heardEhlo = Promise.withResolvers<void>();
    const { executor } = await open();
    const stop = new AbortController();
    const sending = executor.execute(planFor(port), { label: "l", deliveryId: "d", signal: stop.signal });
    await heardEhlo.promise;

    stop.abort();
    expect(await sending).toMatchObject({ outcome: { kind: "retry", reason: "cancelled", ambiguous: false } });

    await executor[Symbol.asyncDispose]();
    expect(await executor.execute(planFor(port), { label: "l", deliveryId: "d" })).toMatchObject({
      outcome: { kind: "retry", reason: "cancelled" },
    });
  });

  it("gives up when the mail library refuses a local file", () => {
    const error = Object.assign(new Error("File access rejected"), { code: "ESTREAM", originalCode: "EFILEACCESS" });

    expect(classifySmtpError(error, false)).toMatchObject({ kind: "permanent", reason: "invalid-config" });
  });
});
