import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { openHub } from "../../src/hub.ts";
import { ManualClock } from "../support/manual-clock.ts";

const INTERVAL_MS = 47_000;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  vi.restoreAllMocks();
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** Knows when the next beat has been planned, so that a test does not move time while one is out. */
class BeatClock extends ManualClock {
  planned = 0;

  override timer(ms: number, fn: () => void, options?: { readonly keepAlive?: boolean }): Disposable {
    if (ms === INTERVAL_MS) this.planned += 1;
    return super.timer(ms, fn, options);
  }
}

/** A service that listens for beats, and what it is asked, in order. */
async function openSink() {
  const asked: string[] = [];
  const answers = { status: 200 };
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(answers.status).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  stack.defer(close);
  return {
    asked,
    answers,
    close,
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/ping/hub-1`,
  };
}

/** A hub with this address in its environment, and what it logs. */
async function openBeatingHub(url: string) {
  const home = mkdtempSync(join(tmpdir(), "bellhop-heartbeat-"));
  stack.defer(() => rmSync(home, { recursive: true, force: true }));
  const lines: { readonly msg: string; readonly reason?: string }[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((line) => (lines.push(JSON.parse(String(line))), true));
  const env = {
    BELLHOP_HOME: home,
    BELLHOP_KEYCHAIN: "off",
    BELLHOP_LOG_LEVEL: "info",
    BELLHOP_HEARTBEAT_URL: url,
    BELLHOP_HEARTBEAT_INTERVAL: "47s",
  };
  const clock = new BeatClock();
  const hub = stack.use(await openHub(loadConfig({ env }), { clock }));
  const beaten = (count: number) => clock.until(() => clock.planned === count, `the beat number ${count}`);
  return { hub, clock, lines, beaten };
}

it("a hub asks for its heartbeat address as long as it lives, and not after it is closed", async () => {
  const sink = await openSink();
  const { hub, clock, lines, beaten } = await openBeatingHub(sink.url);

  await beaten(1);
  expect(sink.asked).toEqual(["GET /ping/hub-1"]);
  await clock.advance(INTERVAL_MS - 1);
  expect(sink.asked).toHaveLength(1);
  await clock.advance(1);
  await beaten(2);
  await clock.advance(INTERVAL_MS);
  await beaten(3);
  expect(sink.asked).toHaveLength(3);

  await hub[Symbol.asyncDispose]();
  await clock.advance(10 * INTERVAL_MS);

  expect(clock.planned).toBe(3);
  expect(sink.asked).toHaveLength(3);
  expect(lines).toEqual([]);
});

it("a hub whose heartbeat is not taken says so once, goes on, and says when it is taken again", async () => {
  const { asked, answers, url } = await openSink();
  answers.status = 503;
  const { clock, lines, beaten } = await openBeatingHub(url);

  for (let beat = 1; beat <= 4; beat += 1) {
    await beaten(beat);
    if (beat === 3) answers.status = 200;
    await clock.advance(INTERVAL_MS);
  }
  await beaten(5);

  expect(asked).toHaveLength(5);
  expect(lines.map(({ msg, reason }) => [msg, reason])).toEqual([
    ["the heartbeat was not taken", "server"],
    ["the heartbeat is taken again", undefined],
  ]);
});

it("a hub whose heartbeat address does not answer works all the same and says so once", async () => {
  const sink = await openSink();
  await sink.close();
  const { hub, clock, lines, beaten } = await openBeatingHub(sink.url);

  for (let beat = 1; beat <= 3; beat += 1) {
    await beaten(beat);
    await clock.advance(INTERVAL_MS);
  }
  await beaten(4);

  expect(lines.map(({ msg, reason }) => [msg, reason])).toEqual([["the heartbeat was not taken", "network"]]);
  expect(await hub.store.outbox.due()).toEqual([]);
});
