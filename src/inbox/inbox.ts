import type { Server } from "node:http";
import { type Clock, systemClock } from "../base/clock.ts";
import { createHttpReceiver } from "./http-receiver.ts";
import { createMailReceiver } from "./mail-receiver.ts";
import type { HttpAnswerScript, MailAnswerScript, Received } from "./received.ts";

export interface InboxOptions {
  /** Default 127.0.0.1: nobody else can reach it. */
  readonly host?: string;
  /** 0, the default, takes any free port; null starts no HTTP endpoint. */
  readonly httpPort?: number | null;
  /** 0, the default, takes any free port; null starts no mail server. */
  readonly smtpPort?: number | null;
  /** Called for each message, in order of arrival. */
  readonly onMessage?: (message: Received) => void;
  readonly clock?: Clock;
}

/** Receivers on this machine that stand for Slack, any webhook, and a mail server. */
export interface Inbox extends AsyncDisposable {
  /** Without a trailing slash, e.g. `http://127.0.0.1:40123`. Takes any request under any path. */
  readonly httpUrl: string;
  /** An address in the form of Slack's webhook addresses. */
  readonly slackUrl: string;
  /** Port of the mail server; 0 when there is none. */
  readonly smtpPort: number;
  /** Everything received so far. */
  readonly messages: readonly Received[];
  /** Resolves with the first `count` messages as soon as that many have arrived. Rejects when the signal is aborted. */
  received(count: number, signal?: AbortSignal): Promise<readonly Received[]>;
  /** The next requests get these answers, one each; later ones are answered as usual again. */
  answerNext(...answers: readonly HttpAnswerScript[]): void;
  /** The next mails meet these refusals, one each, at the named stage. */
  refuseNext(...refusals: readonly MailAnswerScript[]): void;
}

const SLACK_PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";

/** Starts the receivers. What they got is in memory only. */
export async function startInbox(options: InboxOptions = {}): Promise<Inbox> {
  const { host = "127.0.0.1", httpPort = 0, smtpPort = 0, onMessage, clock = systemClock } = options;
  const messages: Received[] = [];
  const answers: HttpAnswerScript[] = [];
  const refusals: MailAnswerScript[] = [];
  const waiting = new Set<() => void>();
  const keep = (make: (base: { number: number; receivedAtMs: number }) => Received): void => {
    const message = make({ number: messages.length + 1, receivedAtMs: clock.now() });
    messages.push(message);
    onMessage?.(message);
    for (const check of waiting) check();
  };

  await using starting = new AsyncDisposableStack();
  let httpUrl = "";
  if (httpPort !== null) {
    const server = createHttpReceiver({
      nextAnswer: () => answers.shift(),
      onRequest: (request) => keep((base) => ({ ...base, ...request })),
    });
    const port = await listen(server, httpPort, host);
    starting.defer(() => close(server));
    httpUrl = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }
  let listeningSmtpPort = 0;
  if (smtpPort !== null) {
    const receiver = await createMailReceiver({
      script: () => refusals[0],
      used: () => refusals.shift(),
      onMail: (mail) => keep((base) => ({ ...base, ...mail })),
    });
    listeningSmtpPort = await receiver.listen(smtpPort, host);
    starting.use(receiver);
  }
  const owned = starting.move();

  return {
    httpUrl,
    slackUrl: `${httpUrl}${SLACK_PATH}`,
    smtpPort: listeningSmtpPort,
    messages,
    received: (count, signal) =>
      new Promise((resolve, reject) => {
        const settle = (finish: () => void) => {
          waiting.delete(check);
          signal?.removeEventListener("abort", onAbort);
          finish();
        };
        const onAbort = () => settle(() => reject(signal?.reason));
        const check = () => {
          if (messages.length >= count) settle(() => resolve(messages.slice(0, count)));
        };
        waiting.add(check);
        signal?.addEventListener("abort", onAbort, { once: true });
        if (signal?.aborted === true) onAbort();
        else check();
      }),
    answerNext: (...next) => void answers.push(...next),
    refuseNext: (...next) => void refusals.push(...next),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
