import { afterEach, describe, expect, it } from "vitest";
import { EmailServerCredentials } from "../../blocks/email-server-credentials.ts";
import { EmailSmtp } from "../../blocks/email-smtp.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { type BlockContext, withBlockContext } from "../../src/block/ambient.ts";
import { openTransport } from "../../src/channel/open-transport.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import { openDeliver } from "../../src/delivery/deliver.ts";
import type { Delivery } from "../../src/delivery/delivery.ts";
import { startInbox } from "../../src/inbox/inbox.ts";
import type { MailAnswerScript, ReceivedMail } from "../../src/inbox/received.ts";
import { openCatalog } from "../../src/templating/catalog.ts";
import { openTestBlocks } from "../support/block-context.ts";
import { DELIVERED, openRig, SERVER_ERROR } from "./rig.ts";

const MINUTE_MS = 60_000;
const OPS = "email-smtp/ops";
const [ONE, TWO, THREE] = ["one@example.org", "two@exämple.org", "three@example.org"] as const;
/** As it goes over the wire; the mail server of these tests shows it as people write it. */
const TWO_ENCODED = "two@xn--exmple-cua.org";

const refused = (recipient: string, code: number, text: string): MailAnswerScript => ({
  at: "rcpt",
  code,
  text,
  recipient,
});
const greylisted = (recipient: string) => refused(recipient, 450, "4.2.0 greylisted");
const unknown = (recipient: string) => refused(recipient, 550, "5.1.1 no such user");

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** A saved mail block for three people, a mail server, and a real dispatcher between them; time stands still. */
async function openMail() {
  const rig = stack.use(await openRig());
  const blocks = stack.use(await openTestBlocks());
  const inbox = stack.use(await startInbox({ httpPort: null }));
  const { clock } = rig;
  const transport = stack.use(openTransport({ clock, log: silentLogger, inbox: rig.store.inbox, version: "0" }));
  const context: BlockContext = { ...blocks.context, transport, clock };
  const save = (people: { readonly to: string[]; readonly cc?: string[]; readonly bcc?: string[] }) =>
    withBlockContext(context, async () => {
      await EmailServerCredentials.register();
      await EmailSmtp.register();
      const credentials = new EmailServerCredentials({
        smtp_server: "127.0.0.1",
        smtp_type: 25,
        smtp_port: inbox.smtpPort,
      });
      await new EmailSmtp({ credentials, from: "hub@example.org", ...people }).save("ops", { overwrite: true });
    });
  await save({ to: [`One <${ONE}>`], cc: ["Two <two@EXÄMPLE.org>"], bcc: [THREE] });
  rig.start({ deliver: openDeliver({ catalog: openCatalog({ templatesDir: null }), transport, context, clock }) });

  const settled = async (id: string | undefined, attempts: number): Promise<Delivery> => {
    for (;;) {
      const delivery = await rig.read(id);
      if (delivery.attempts >= attempts && delivery.status !== "sending") return delivery;
      await clock.settle(1);
    }
  };
  /** Moves time just to the next attempt: a mail that is out must not meet its deadline. */
  const retried = async (waiting: Delivery): Promise<Delivery> => {
    await clock.advance(waiting.nextAttemptAtMs - clock.now());
    return settled(waiting.id, waiting.attempts + 1);
  };
  const mails = () => inbox.messages as readonly ReceivedMail[];
  return {
    rig,
    clock,
    inbox,
    context,
    save,
    settled,
    retried,
    mails,
    envelopes: () => mails().map((mail) => mail.envelope.to),
  };
}

describe("a mail that is taken for some recipients only", () => {
  it("goes to those refused for now again, after a minute, and to nobody twice", async () => {
    const { rig, clock, inbox, settled, retried, mails, envelopes } = await openMail();
    inbox.refuseNext(greylisted(TWO), greylisted(THREE));

    const [id] = await rig.enqueue({ destination: OPS });
    const first = await settled(id, 1);

    expect(first).toMatchObject({ status: "queued", reason: "partial", providerId: `<${id}@example.org>` });
    expect(first.detail).toBe("2 recipients were refused for now; the others have it");
    expect(first.nextAttemptAtMs).toBeGreaterThanOrEqual(clock.now() + MINUTE_MS);
    await clock.advance(MINUTE_MS - 1);
    expect(envelopes()).toEqual([[ONE]]);

    expect(await retried(first)).toMatchObject({ status: "delivered", reason: null, attempts: 2, uncertain: false });

    expect(envelopes()).toEqual([[ONE], [TWO, THREE]]);
    const [before, after] = mails();
    expect(after?.mail).toMatchObject({ messageId: before?.mail.messageId, to: [ONE] });
    expect(after?.mail.headers["cc"]).toBe(before?.mail.headers["cc"]);
    expect(await rig.outbox.attempts(id ?? "")).toMatchObject([
      { number: 1, outcome: { kind: "delivered", remaining: { targets: [TWO_ENCODED, THREE], afterMs: MINUTE_MS } } },
      { number: 2, outcome: { kind: "delivered" } },
    ]);
  });

  it("is tried again for fewer and fewer, and leaves out who was refused for good", async () => {
    const { rig, inbox, settled, retried, envelopes } = await openMail();
    inbox.refuseNext(unknown(ONE), greylisted(TWO));

    const [id] = await rig.enqueue({ destination: OPS });
    const first = await settled(id, 1);
    inbox.refuseNext(greylisted(TWO));
    const second = await retried(first);
    expect(second).toMatchObject({ status: "queued", reason: "server" });

    expect(await retried(second)).toMatchObject({ status: "delivered", attempts: 3 });
    expect(envelopes()).toEqual([[THREE], [TWO]]);
    const [attempt] = await rig.outbox.attempts(id ?? "");
    expect(attempt?.outcome).toMatchObject({
      warnings: [
        expect.stringMatching(/^partial: one@example\.org was refused: 550 /),
        expect.stringMatching(/^partial: two@.* was refused for now: 450 /),
      ],
      remaining: { targets: [TWO_ENCODED] },
    });
  });

  it("is delivered, with the refusal on the record, when the rest is refused for good later", async () => {
    const { rig, inbox, settled, retried, envelopes } = await openMail();
    inbox.refuseNext(greylisted(THREE));

    const [id] = await rig.enqueue({ destination: OPS });
    const first = await settled(id, 1);
    inbox.refuseNext(unknown(THREE));

    const delivery = await retried(first);
    expect(delivery).toMatchObject({ status: "delivered", reason: "partial", providerId: `<${id}@example.org>` });
    expect(delivery.detail).toContain(`${THREE} was refused: 550 5.1.1 no such user`);
    expect(envelopes()).toEqual([[ONE, TWO]]);
  });

  it("is not sent to somebody who was taken out of the block meanwhile", async () => {
    const { rig, inbox, save, settled, retried, envelopes } = await openMail();
    inbox.refuseNext(greylisted(THREE));

    const [id] = await rig.enqueue({ destination: OPS });
    const first = await settled(id, 1);
    await save({ to: [ONE] });

    expect(await retried(first)).toMatchObject({ status: "dead", reason: "partial" });
    expect(envelopes()).toEqual([[ONE, TWO]]);
  });

  it("does not keep other messages from the recipients that take them", async () => {
    const { rig, inbox, settled, envelopes } = await openMail();
    inbox.refuseNext(greylisted(THREE));
    const [first] = await rig.enqueue({ destination: OPS });
    await settled(first, 1);

    const [second] = await rig.enqueue({ destination: OPS });

    expect(await settled(second, 1)).toMatchObject({ status: "delivered" });
    expect(envelopes()).toEqual([
      [ONE, TWO],
      [ONE, TWO, THREE],
    ]);
  });

  it("tells a direct send who was refused for now", async () => {
    const { inbox, context, envelopes } = await openMail();
    inbox.refuseNext(greylisted(THREE));

    const receipt = await withBlockContext(context, async () => (await EmailSmtp.load("ops")).notify("b", "t"));

    expect(receipt.warnings).toEqual([`partial: ${THREE} was refused for now: 450 4.2.0 greylisted`]);
    expect(envelopes()).toEqual([[ONE, TWO]]);
  });
});

describe("a delivery that has reached some of its targets", () => {
  const inPart = (...targets: string[]): Outcome => ({
    kind: "delivered",
    remaining: { targets, afterMs: MINUTE_MS },
  });

  it("dies when its attempts are used up, says how many were not reached, and is replayed for those alone", async () => {
    await using rig = await openRig();
    let isUp = false;
    rig.start({ profile: "email", answer: () => (isUp ? DELIVERED : inPart("a", "b")) });
    const [id] = await rig.enqueue({ destination: "test/a" });

    await rig.clock.advanceUntil(() => rig.log.lines.some(({ message }) => message === "delivery given up"));
    await rig.clock.settle(20);

    const dead = await rig.read(id);
    expect(dead).toMatchObject({ status: "dead", reason: "partial", attempts: 10 });
    expect(dead.detail).toContain("2 recipients not reached (attempts-exhausted)");
    expect(dead.payload).toEqual({ title: "t", body: "b", only: ["a", "b"] });
    isUp = true;
    await rig.outbox.replay({ ids: [id ?? ""] }, rig.clock.now());
    await rig.clock.until(() => rig.sent.length === 11);
    await rig.clock.settle(20);
    expect(await rig.read(id)).toMatchObject({ status: "delivered", payload: { only: ["a", "b"] } });
  });

  it("remembers them over failures and dead processes", async () => {
    await using rig = await openRig();
    const answers = [inPart("a"), SERVER_ERROR];
    const dispatcher = rig.start({ profile: "email", answer: () => answers.shift() ?? DELIVERED });
    const [id] = await rig.enqueue({ destination: "test/a" });
    await rig.clock.advanceUntil(() => rig.sent.length === 2);
    await rig.clock.settle(20);
    await dispatcher[Symbol.asyncDispose]();

    expect(await rig.read(id)).toMatchObject({ status: "queued", reason: "server", payload: { only: ["a"] } });
    const next = rig.start({ by: "two" });
    await rig.clock.advanceUntil(() => rig.sent.length === 3);
    await rig.clock.settle(20);
    expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 3 });
    await next[Symbol.asyncDispose]();
  });

  it("is given up as partial when it expires before its next attempt", async () => {
    await using rig = await openRig();
    const dispatcher = rig.start({ profile: "email", answer: () => inPart("a") });
    const [id] = await rig.enqueue({ destination: "test/a", expiresAtMs: rig.clock.now() + 2 * MINUTE_MS });
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.settle(20);
    await dispatcher[Symbol.asyncDispose]();
    await rig.clock.advance(3 * MINUTE_MS);

    rig.start();
    await rig.clock.settle(50);

    const delivery = await rig.read(id);
    expect(delivery).toMatchObject({ status: "dead", reason: "partial", attempts: 1 });
    expect(delivery.detail).toContain("1 recipient not reached (expired)");
  });
});
