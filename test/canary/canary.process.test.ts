import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../support/source-files.ts";
import { filesIn, leaks, type Output, SECRETS } from "./secrets.ts";

const home = mkdtempSync(join(tmpdir(), "bellhop-canary-"));
const outputs: Output[] = [];
const requests: string[] = [];
let http: Server;
let smtp: ReturnType<typeof createTcpServer>;

const portOf = (server: { address: () => string | AddressInfo | null }): number => {
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
};

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** Answers with the status in the path and throws everything it was sent back at the sender. */
async function startHttp(): Promise<Server> {
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      requests.push(`${request.url ?? ""}\n${JSON.stringify(request.headers)}\n${body}`);
      const status = Number(/\/status\/(\d+)/.exec(request.url ?? "")?.[1] ?? 200);
      response.writeHead(status, { "content-type": "text/plain", "x-echo": encodeURIComponent(request.url ?? "") });
      response.end(status === 200 ? "ok" : `refused ${request.url ?? ""} ${JSON.stringify(request.headers)} ${body}`);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** A mail server that refuses every login and quotes it, decoded and as it came. */
async function startSmtp(): Promise<ReturnType<typeof createTcpServer>> {
  const server = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.write("220 canary ESMTP\r\n");
    socket.on("data", (chunk) => {
      const line = chunk.toString();
      if (/^EHLO/i.test(line)) socket.write("250-canary\r\n250 AUTH PLAIN LOGIN\r\n");
      else if (/^AUTH PLAIN (\S+)/i.test(line)) {
        const given =
          Buffer.from(/^AUTH PLAIN (\S+)/i.exec(line)?.[1] ?? "", "base64")
            .toString()
            .split("\0")[2] ?? "";
        socket.write(`535 5.7.8 wrong password ${given} in ${line.trim()}\r\n`);
      } else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
      else socket.write("500 what\r\n");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function run(what: string, args: readonly string[]): Promise<void> {
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    BELLHOP_HOME: home,
    BELLHOP_KEYCHAIN: "off",
    BELLHOP_LOG_LEVEL: "debug",
    BELLHOP_DEBUG: "1",
    BELLHOP_DRAIN_TIMEOUT: "2s",
    SINK_HTTP: `http://127.0.0.1:${portOf(http)}`,
    SINK_SMTP: String(portOf(smtp)),
  };
  await new Promise<void>((resolve) => {
    const options = { env, encoding: "buffer", maxBuffer: 64 * 1024 * 1024, cwd: home } as const;
    execFile(process.execPath, ["--conditions=bellhop-source", ...args], options, (_error, stdout, stderr) => {
      outputs.push({ what: `${what}: stdout`, bytes: stdout }, { what: `${what}: stderr`, bytes: stderr });
      resolve();
    });
  });
}

const bellhop = (...args: readonly string[]): Promise<void> =>
  run(`bellhop ${args.join(" ")}`, [join(ROOT, "src/cli/main.ts"), ...args]);

beforeAll(async () => {
  [http, smtp] = await Promise.all([startHttp(), startSmtp()]);
  await run("scenario", [join(ROOT, "test/canary/scenario.ts")]);
  for (const json of [[], ["--json"]]) {
    await bellhop("block", "ls", ...json);
    for (const ref of ["slack-webhook/ops", "email-server-credentials/mail", "custom-webhook/custom", "secret/json"]) {
      await bellhop("block", "inspect", ref, ...json);
    }
    await bellhop("block", "test", "slack-webhook/broken", ...json);
    await bellhop("block", "test", "email-smtp/oncall", ...json);
    await bellhop("notify", "custom-webhook/custom", "hello", ...json);
    await bellhop("run", "ls", ...json);
    await bellhop("run", "inspect", "etl", ...json);
    await bellhop("delivery", "ls", ...json);
    await bellhop("doctor", ...json);
  }
  const listed = outputs.find((output) => output.what === "bellhop delivery ls --json: stdout");
  const found = new Set(listed?.bytes.toString().match(/"id":\s*"([0-9a-f-]{36})"/g) ?? []);
  for (const match of found) await bellhop("delivery", "inspect", match.slice(-37, -1));
  const runs = outputs.find((output) => output.what === "bellhop run ls --json: stdout");
  for (const match of new Set(runs?.bytes.toString().match(/"id":\s*"([0-9a-f-]{36})"/g) ?? [])) {
    await bellhop("run", "inspect", match.slice(-37, -1), "--json");
  }
}, 170_000);

afterAll(() => {
  http.close();
  smtp.close();
  rmSync(home, { recursive: true, force: true });
});

describe("twenty planted secrets", () => {
  it("reach the requests that they are meant for, so that the search below can find something", () => {
    const sent = requests.join("\n");

    expect(Object.keys(SECRETS)).toHaveLength(20);
    expect(sent).toContain(SECRETS.slackUrlPath);
    expect(sent).toContain(SECRETS.webhookHeader);
    expect(leaks([{ what: "requests", bytes: Buffer.from(sent) }])).not.toEqual([]);
  });

  it("are in no output and no log line", () => {
    expect(outputs.map(({ bytes }) => bytes.length).reduce((a, b) => a + b)).toBeGreaterThan(5_000);
    expect(leaks(outputs)).toEqual([]);
  });

  it("are in no byte of the database or any other file of the home", () => {
    const files = filesIn(home);

    expect(files.some(({ what }) => what.endsWith("bellhop.db"))).toBe(true);
    expect(leaks(files)).toEqual([]);
  });

  it("are in no message body: what an error quotes is masked before it is sent", () => {
    const bodies = requests.filter((text) => text.includes("cannot connect"));

    expect(bodies.length).toBeGreaterThan(0);
    const meant = new Set<string>([
      SECRETS.slackUrlPath,
      SECRETS.slackOtherPath,
      SECRETS.webhookHeader,
      SECRETS.webhookToken,
      SECRETS.webhookNested,
    ]);
    const wrong = leaks(bodies.map((body) => ({ what: "message", bytes: Buffer.from(body) })));
    expect(wrong.filter((leak) => !meant.has(SECRETS[leak.split(" ")[0] as keyof typeof SECRETS]))).toEqual([]);
  });
});
