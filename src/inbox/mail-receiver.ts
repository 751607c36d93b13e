import type { Socket } from "node:net";
import type { SMTPServerSession } from "smtp-server";
import type { MailAnswerScript, ReceivedMail } from "./received.ts";

type MailFacts = Omit<ReceivedMail, "number" | "receivedAtMs">;
type Reply = (error?: Error | null) => void;

/** Largest mail taken. Unit: bytes. */
const MAX_MAIL_BYTES = 10_000_000;

export interface MailReceiverOptions {
  /** The script for the next mail, if there is one; `used` takes it off the list. */
  readonly script: () => MailAnswerScript | undefined;
  readonly used: () => void;
  readonly onMail: (mail: MailFacts) => void;
}

export interface MailReceiver extends AsyncDisposable {
  listen(port: number, host: string): Promise<number>;
}

/** A mail server that takes every mail for everybody, with any login or none, and sends nothing on. */
export async function createMailReceiver({ script, used, onMail }: MailReceiverOptions): Promise<MailReceiver> {
  const [{ SMTPServer }, { default: PostalMime }] = await Promise.all([import("smtp-server"), import("postal-mime")]);
  const sockets = new Set<Socket>();

  /** Refuses as the script for this stage says, else accepts. */
  const at = (stage: MailAnswerScript["at"], reply: Reply, recipient?: string): boolean => {
    const step = script();
    if (step?.at !== stage || (step.recipient !== undefined && step.recipient !== recipient)) return false;
    used();
    if (step.drop === true) for (const socket of sockets) socket.resetAndDestroy();
    else reply(Object.assign(new Error(step.text ?? "refused"), { responseCode: step.code ?? 550 }));
    return true;
  };

  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    size: MAX_MAIL_BYTES,
    logger: false,
    onConnect: (_session, reply) => at("connect", reply) || reply(),
    onAuth: (auth, _session, reply) =>
      at("auth", (error) => reply(error ?? null)) || reply(null, { user: auth.username ?? "anonymous" }),
    onMailFrom: (_address, _session, reply) => at("mail", reply) || reply(),
    onRcptTo: ({ address }, _session, reply) => at("rcpt", reply, address) || reply(),
    onData: (stream, session, reply) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (at("data", reply)) return;
        const raw = Buffer.concat(chunks);
        PostalMime.parse(raw).then(
          (email) => {
            onMail(toFacts(raw, email, session));
            reply();
          },
          (error: unknown) => reply(error instanceof Error ? error : new Error(String(error))),
        );
      });
    },
  });
  // A peer that vanishes mid-session is not this server's problem.
  server.on("error", () => undefined);
  server.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.server.once("error", reject);
        server.listen(port, host, () => {
          const address = server.server.address();
          resolve(typeof address === "object" && address !== null ? address.port : port);
        });
      }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Pooled connections of senders would keep the server open for half a minute.
        for (const socket of sockets) socket.destroy();
      }),
  };
}

interface ParsedMail {
  readonly from?: { readonly name?: string; readonly address?: string | undefined } | undefined;
  readonly to?: readonly { readonly address?: string | undefined }[] | undefined;
  readonly subject?: string | undefined;
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly messageId?: string | undefined;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

function toFacts(raw: Buffer, email: ParsedMail, session: SMTPServerSession): MailFacts {
  const { mailFrom, rcptTo } = session.envelope;
  return {
    channel: "mail",
    envelope: { from: mailFrom === false ? "" : mailFrom.address, to: rcptTo.map(({ address }) => address) },
    user: typeof session.user === "string" ? session.user : null,
    secure: session.secure,
    raw: raw.toString("utf8"),
    mail: {
      from: email.from?.address ?? "",
      to: (email.to ?? []).map(({ address }) => address ?? ""),
      subject: email.subject ?? "",
      text: email.text ?? "",
      html: email.html ?? null,
      messageId: email.messageId ?? "",
      headers: Object.fromEntries(email.headers.map(({ key, value }) => [key, value])),
    },
  };
}
