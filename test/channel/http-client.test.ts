import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Resolver } from "../../src/channel/address-guard.ts";
import { type HttpClientOptions, type HttpRequest, openHttpClient } from "../../src/channel/http-client.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { TEST_CERTIFICATE, TEST_KEY } from "../support/tls-certificate.ts";

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    server.close();
    server.closeAllConnections();
  });
  // A server that listens on a port has an address object.
  return (server.address() as AddressInfo).port;
}

const sink = async (handle: (request: IncomingMessage, response: ServerResponse) => void) => {
  const server = createServer(handle);
  const port = await listening(server);
  return { server, port, url: `http://127.0.0.1:${port}/hook` };
};

function client(options: Partial<HttpClientOptions> = {}) {
  const opened = stack.use(openHttpClient({ clock: new ManualClock(), version: "1.2.3", ...options }));
  return (request: Partial<HttpRequest> & Pick<HttpRequest, "url">) =>
    opened.request({
      method: "POST",
      headers: {},
      body: "hello",
      timeoutMs: 15_000,
      policy: { allowPrivate: true },
      ...request,
    });
}

describe("http client", () => {
  it("sends method, headers and body, and names itself", async () => {
    const seen: unknown[] = [];
    const { url } = await sink((request, response) => {
      const { method, headers } = request;
      request
        .setEncoding("utf8")
        .on("data", (body: string) =>
          seen.push({ method, body, agent: headers["user-agent"], accept: headers.accept }),
        );
      request.on("end", () => response.writeHead(201, { "X-Thing": ["a", "b"] }).end("created"));
    });

    const answer = await client()({ url, method: "PUT" });

    expect(seen).toEqual([
      { method: "PUT", body: "hello", agent: "Bellhop/1.2.3", accept: expect.stringContaining("application/json") },
    ]);
    expect(answer).toMatchObject({ kind: "answer", status: 201, text: "created", headers: { "x-thing": "a, b" } });
  });

  it("keeps connections open and uses them again", async () => {
    let connections = 0;
    const { url, server } = await sink((request, response) => request.resume().on("end", () => response.end("ok")));
    server.on("connection", () => (connections += 1));
    const send = client();

    for (let index = 0; index < 5; index += 1) await send({ url });

    // The second request may be ready before the first connection is known to be free.
    expect(connections).toBeLessThanOrEqual(2);
  });

  it("reads 64 KiB of an answer and lets the rest go", async () => {
    const endless = (_request: IncomingMessage, response: ServerResponse) => {
      const write = () => {
        while (response.write("x".repeat(10_000)));
      };
      response.on("drain", write);
      write();
    };
    const { url } = await sink(endless);

    const answer = await client()({ url });

    expect(answer.kind === "answer" && answer.text.length).toBe(65_536);
  });

  it("follows no redirect", async () => {
    let requests = 0;
    const { url } = await sink((_request, response) => {
      requests += 1;
      response.writeHead(302, { location: "http://169.254.169.254/" }).end();
    });

    expect(await client()({ url })).toMatchObject({ kind: "answer", status: 302 });
    expect(requests).toBe(1);
  });

  it("stops at the deadline, and frees the connection", async () => {
    const clock = new ManualClock();
    const { url, server } = await sink(() => undefined);
    const arrived = once(server, "request") as Promise<[IncomingMessage]>;
    const sending = client({ clock })({ url, timeoutMs: 2_000 });
    const [request] = await arrived;
    const closed = once(request.socket, "close");

    await clock.advance(2_000);

    expect(await sending).toEqual({ kind: "stopped", by: "deadline", written: true });
    await closed;
    expect(clock.pending.all).toBe(0);
  });

  it("stops at the deadline also in the middle of an answer", async () => {
    const clock = new ManualClock();
    const { url } = await sink((_request, response) => void response.writeHead(200).write("begin"));
    const sending = client({ clock })({ url, timeoutMs: 2_000 });
    await clock.until(() => clock.pending.all === 1);

    await clock.advanceUntil(() => clock.pending.all === 0);

    expect(await sending).toMatchObject({ kind: "stopped", by: "deadline" });
  });

  it("stops when the caller says so, before and while sending", async () => {
    const { url, server } = await sink(() => undefined);
    const send = client();
    const stop = new AbortController();

    const sending = send({ url, signal: stop.signal });
    await once(server, "request");
    stop.abort();

    expect(await sending).toEqual({ kind: "stopped", by: "caller", written: true });
    expect(await send({ url, signal: stop.signal })).toEqual({ kind: "stopped", by: "caller", written: false });
  });

  it("knows that a request still waiting for a connection was not written", async () => {
    const clock = new ManualClock();
    const { url, server } = await sink(() => undefined);
    const send = client({ clock });
    let arrived = 0;
    server.on("request", () => (arrived += 1));

    const sent = Array.from({ length: 64 }, () => send({ url, timeoutMs: 2_000 }));
    await clock.until(() => arrived === 64);
    const waiting = send({ url, timeoutMs: 1_000 });
    await clock.advance(2_000);

    expect(await waiting).toEqual({ kind: "stopped", by: "deadline", written: false });
    expect(await Promise.all(sent)).toEqual(sent.map(() => ({ kind: "stopped", by: "deadline", written: true })));
  });

  it("gets through to a host on which as many requests hang as one destination may have out", async () => {
    const { url } = await sink((request, response) => {
      if (request.url === "/well") response.end("ok");
    });
    const send = client();
    const stop = new AbortController();
    const hanging = Array.from({ length: 16 }, () => send({ url, signal: stop.signal }));

    expect(await send({ url: url.replace("/hook", "/well") })).toMatchObject({ kind: "answer", status: 200 });

    stop.abort();
    expect(await Promise.all(hanging)).toEqual(
      hanging.map(() => ({ kind: "stopped", by: "caller", written: expect.any(Boolean) })),
    );
  });

  it("stops everything when it is closed, and takes nothing more", async () => {
    const { url, server } = await sink(() => undefined);
    const opened = openHttpClient({ clock: new ManualClock(), version: "1" });
    const request: HttpRequest = {
      method: "POST",
      url,
      headers: {},
      body: null,
      timeoutMs: 1_000,
      policy: { allowPrivate: true },
    };
    const sending = opened.request(request);
    await once(server, "request");

    await opened[Symbol.asyncDispose]();

    expect(await sending).toEqual({ kind: "stopped", by: "shutdown", written: true });
    expect(await opened.request(request)).toEqual({ kind: "stopped", by: "shutdown", written: false });
  });

  it("tells a connection that was refused from one that broke", async () => {
    const { url, server } = await sink((request) => request.socket.resetAndDestroy());
    const send = client();

    expect(await send({ url })).toMatchObject({ kind: "failure", written: true });

    server.close();
    server.closeAllConnections();
    await once(server, "close");
    expect(await send({ url })).toMatchObject({ kind: "failure", written: false, error: { code: "ECONNREFUSED" } });
  });

  it.each(["not a url", "http://", "ftp://127.0.0.1/", "http://user:pw@127.0.0.1/"])("refuses %s", async (url) => {
    expect(await client()({ url })).toMatchObject({ kind: "failure", written: false });
  });

  it("refuses a header that would break the request", async () => {
    const { url } = await sink((_request, response) => response.end());

    expect(await client()({ url, headers: { "x-a": "1\r\nEvil: 2" } })).toMatchObject({
      kind: "failure",
      written: false,
    });
  });
});

describe("http client's address guard", () => {
  const guarded = { allowPrivate: false };
  const answering =
    (...addresses: string[]): Resolver =>
    async () =>
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

  it.each([
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "169.254.169.254",
  ])("does not connect to %s", async (host) => {
    const { port, server } = await sink((_request, response) => response.end());
    let connections = 0;
    server.on("connection", () => (connections += 1));

    const result = await client()({ url: `http://${host}:${port}/`, policy: guarded });

    expect(result).toMatchObject({ kind: "failure", error: { code: "blocked_address" } });
    expect(connections).toBe(0);
  });

  it("does not connect to a name that resolves to a private address, alone or among others", async () => {
    const { port } = await sink((_request, response) => response.end());
    const url = `http://hook.example:${port}/`;

    expect(await client({ resolve: answering("127.0.0.1") })({ url, policy: guarded })).toMatchObject({
      error: { code: "blocked_address" },
    });
    expect(await client({ resolve: answering("93.184.216.34", "127.0.0.1") })({ url, policy: guarded })).toMatchObject({
      error: { code: "blocked_address" },
    });
    expect(await client({ resolve: answering("::ffff:127.0.0.1") })({ url, policy: guarded })).toMatchObject({
      error: { code: "blocked_address" },
    });
  });

  it("asks the name service once per connection and dials what was checked", async () => {
    const { port } = await sink((_request, response) => response.end("ok"));
    let asked = 0;
    const resolve: Resolver = async () => {
      asked += 1;
      return [{ address: "127.0.0.1", family: 4 }];
    };

    const answer = await client({ resolve })({ url: `http://hook.example:${port}/`, policy: { allowPrivate: true } });

    expect(answer).toMatchObject({ kind: "answer", text: "ok" });
    expect(asked).toBe(1);
  });

  it("does not share connections between policies", async () => {
    const { port } = await sink((_request, response) => response.end("ok"));
    const send = client({ resolve: answering("127.0.0.1") });
    const url = `http://hook.example:${port}/`;

    expect(await send({ url })).toMatchObject({ kind: "answer" });
    expect(await send({ url, policy: guarded })).toMatchObject({ kind: "failure", error: { code: "blocked_address" } });
  });

  it("reports a name service that fails", async () => {
    const resolve: Resolver = () =>
      Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }));

    expect(await client({ resolve })({ url: "http://nowhere.example/" })).toMatchObject({
      kind: "failure",
      written: false,
      error: { code: "ENOTFOUND" },
    });
  });
});

describe("http client over TLS", () => {
  it("refuses an unknown certificate, unless it is named as trusted or checking is off", async () => {
    const server = createHttpsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (_request, response) =>
      response.end("ok"),
    );
    const url = `https://localhost:${await listening(server)}/`;
    const send = client({ resolve: async () => [{ address: "127.0.0.1", family: 4 }] });

    expect(await send({ url })).toMatchObject({ kind: "failure", error: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" } });
    expect(await send({ url, policy: { allowPrivate: true, ca: TEST_CERTIFICATE } })).toMatchObject({
      kind: "answer",
      text: "ok",
    });
    expect(await send({ url, policy: { allowPrivate: true, verify: false } })).toMatchObject({
      kind: "answer",
      text: "ok",
    });
  });
});

describe("http client behind a proxy", () => {
  const proxy = async () => {
    const requests: string[] = [];
    const { url } = await sink((request, response) => {
      requests.push(String(request.url));
      response.end("via proxy");
    });
    return { requests, env: { HTTP_PROXY: url.replace("/hook", "") } };
  };

  it("uses the proxy of the environment, but never for this machine", async () => {
    const { requests, env } = await proxy();
    const { url } = await sink((_request, response) => response.end("direct"));
    const send = client({ env });

    expect(await send({ url: "http://hook.example/path" })).toMatchObject({ kind: "answer", text: "via proxy" });
    expect(await send({ url })).toMatchObject({ kind: "answer", text: "direct" });
    expect(requests).toEqual(["http://hook.example/path"]);
  });

  it("heeds NO_PROXY in either case", async () => {
    const { env } = await proxy();
    const { port } = await sink((_request, response) => response.end("direct"));
    const send = client({
      env: { ...env, no_proxy: "hook.example" },
      resolve: async () => [{ address: "127.0.0.1", family: 4 }],
    });

    expect(await send({ url: `http://hook.example:${port}/` })).toMatchObject({ text: "direct" });
  });

  it("checks the target's name itself, since the proxy would dial it", async () => {
    const { requests, env } = await proxy();
    const send = client({ env, resolve: async () => [{ address: "10.0.0.1", family: 4 }] });

    const result = await send({ url: "http://internal.example/", policy: { allowPrivate: false } });

    expect(result).toMatchObject({ kind: "failure", error: { code: "blocked_address" } });
    expect(requests).toEqual([]);
  });
});

it("gives up on a server that takes the connection and closes it", async () => {
  const server = createTcpServer((socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => void server.close());

  const result = await client()({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });

  expect(result.kind).toBe("failure");
});
