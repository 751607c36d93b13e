import { afterEach, beforeEach, expect, it } from "vitest";
import { CustomWebhook } from "../../blocks/custom-webhook.ts";
import { EmailServerCredentials } from "../../blocks/email-server-credentials.ts";
import { EmailSmtp } from "../../blocks/email-smtp.ts";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { sendThrough } from "../../src/block/send.ts";
import { openTransport } from "../../src/channel/open-transport.ts";
import { type Inbox, startInbox } from "../../src/inbox/inbox.ts";
import { fullMessage, memoryInbox } from "../../src/testing.ts";

let inbox: Inbox;
beforeEach(async () => {
  inbox = await startInbox();
});
afterEach(() => inbox[Symbol.asyncDispose]());

const port = () => new URL(inbox.httpUrl).port;

/** Names that lead to this machine: as an address, in other spellings of it, and through a name service. */
const HOSTS = ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "rebind.example"];

const slack = (host: string, allow: boolean) =>
  new SlackWebhook({ url: `http://${host}:${port()}/services/T0/B0/private-address`, allow_private_urls: allow });
const custom = (host: string, allow: boolean) =>
  new CustomWebhook({
    name: "n",
    url: "http://{{host}}/hook",
    json_data: { text: "{{body}}" },
    secrets: { host: `${host}:${port()}` },
    allow_private_urls: allow,
  });
const mail = (host: string, allow: boolean) =>
  new EmailSmtp({
    credentials: new EmailServerCredentials({
      smtp_server: host.replaceAll(/[[\]]/g, ""),
      smtp_port: inbox.smtpPort,
      smtp_type: "INSECURE",
      allow_private_urls: allow,
    }),
    from: "a@example.org",
    to: ["b@example.org"],
  });
const MAKE = { slack, custom, mail };

/** One public and one private answer: the choice between them is not left to whoever runs the name server. */
const resolve = (hostname: string) =>
  Promise.resolve(
    hostname === "rebind.example"
      ? [
          { address: "93.184.215.14", family: 4 },
          { address: "127.0.0.1", family: 4 },
        ]
      : [{ address: "127.0.0.1", family: 4 }],
  );

it.each(HOSTS.flatMap((host) => (["slack", "custom", "mail"] as const).map((kind) => ({ host, kind }))))(
  "a $kind block that forbids private addresses does not send to $host",
  async ({ host, kind }) => {
    await using transport = openTransport({
      clock: systemClock,
      log: silentLogger,
      inbox: memoryInbox(),
      version: "1",
      resolve,
    });

    const { outcome } = await sendThrough(MAKE[kind](host, false), fullMessage({ body: "b" }), { transport });

    expect(outcome).toMatchObject({ kind: "permanent", reason: "blocked-address" });
    expect(inbox.messages).toEqual([]);
  },
);

it.each(["slack", "custom", "mail"] as const)("a %s block that does not forbid them sends", async (kind) => {
  await using transport = openTransport({ clock: systemClock, log: silentLogger, inbox: memoryInbox(), version: "1" });

  const { outcome } = await sendThrough(MAKE[kind]("127.0.0.1", true), fullMessage({ body: "b" }), { transport });

  expect(outcome.kind).toBe("delivered");
  expect(inbox.messages).toHaveLength(1);
});
