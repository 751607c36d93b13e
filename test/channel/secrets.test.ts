import { inspect } from "node:util";
import { expect, it } from "vitest";
import { CustomWebhook } from "../../blocks/custom-webhook.ts";
import { EmailServerCredentials } from "../../blocks/email-server-credentials.ts";
import { EmailSmtp } from "../../blocks/email-smtp.ts";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/logger.ts";
import { sendThrough } from "../../src/block/send.ts";
import { openTransport } from "../../src/channel/open-transport.ts";
import { scrubberFor } from "../../src/channel/scrub.ts";
import { startInbox } from "../../src/inbox/inbox.ts";
import { fullMessage, memoryInbox } from "../../src/testing.ts";

const SECRET = 'pl4nted"s3cret/with+signs&more';
const FORMS = [
  SECRET,
  encodeURIComponent(SECRET),
  JSON.stringify(SECRET).slice(1, -1),
  Buffer.from(SECRET).toString("base64").replace(/=+$/, ""),
];
/** Forms of the secret that can be seen in it. */
const leaksIn = (shown: unknown): string[] => {
  const text = inspect(shown, { depth: 12, showHidden: true });
  return FORMS.filter((form) => text.includes(form));
};

/** Sends through the block and gives everything that anybody gets to see of it. */
async function shownBy(block: object): Promise<unknown[]> {
  const logged: unknown[] = [];
  const add = (message: string, fields?: unknown): void => void logged.push(message, fields);
  const log: Logger = { debug: add, info: add, warn: add, error: add };
  await using transport = openTransport({ clock: systemClock, log, inbox: memoryInbox(), version: "1" });
  const result = await sendThrough(block, fullMessage({ body: "b" }), { transport });
  expect(result.outcome.kind).not.toBe("delivered");
  return [result, logged, block];
}

const mail = (credentials: ConstructorParameters<typeof EmailServerCredentials>[0]) =>
  new EmailSmtp({ credentials: new EmailServerCredentials(credentials), from: "a@example.org", to: ["b@example.org"] });

it("shows no password when a mail server quotes it back", async () => {
  await using inbox = await startInbox({ httpPort: null });
  inbox.refuseNext({ at: "auth", code: 535, text: `bad login: ${FORMS.join(" or ")}` });

  expect(
    leaksIn(
      await shownBy(
        mail({ username: "bot", password: SECRET, smtp_server: "127.0.0.1", smtp_port: inbox.smtpPort, smtp_type: 25 }),
      ),
    ),
  ).toEqual([]);
});

it("shows no password when there is no mail server", async () => {
  expect(
    leaksIn(
      await shownBy(mail({ username: "bot", password: SECRET, smtp_server: "127.0.0.1", smtp_port: 1, smtp_type: 25 })),
    ),
  ).toEqual([]);
});

it("shows no part of an address that nobody listens on", async () => {
  expect(
    leaksIn(await shownBy(new SlackWebhook({ url: `http://127.0.0.1:1/services/T/B/${encodeURIComponent(SECRET)}` }))),
  ).toEqual([]);
});

it("shows no part of an address that is refused", async () => {
  const url = `http://127.0.0.1:1/services/T/B/${encodeURIComponent(SECRET)}`;

  expect(leaksIn(await shownBy(new SlackWebhook({ url, allow_private_urls: false })))).toEqual([]);
});

it("shows no secret of a request that its receiver quotes back in every form", async () => {
  await using inbox = await startInbox({ smtpPort: null });
  inbox.answerNext("echo");

  // The block itself is left out: here the test wrote the secret into fields that are not secret.
  expect(
    leaksIn(
      (
        await shownBy(
          new CustomWebhook({
            name: "n",
            url: `${inbox.httpUrl}/{{token}}`,
            json_data: { token: "{{token}}", encoded: encodeURIComponent(SECRET) },
            headers: { "x-token": "{{token}}", authorization: Buffer.from(SECRET).toString("base64") },
            secrets: { token: SECRET },
          }),
        )
      ).slice(0, 2),
    ),
  ).toEqual([]);
});

it("shows no secret that makes an address unusable", async () => {
  expect(
    leaksIn(await shownBy(new CustomWebhook({ name: "n", url: "{{token}}", secrets: { token: SECRET } }))),
  ).toEqual([]);
});

it("knows the secrets of nested blocks", () => {
  const block = mail({ username: "bot", password: SECRET });

  expect(scrubberFor(block)(`login ${SECRET}!`)).toBe("login ********!");
});
