import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { ACCEPTS, type Behaviour, DESTINATIONS, refOf } from "./destinations.ts";
import type { Received } from "./history.ts";
import { between } from "./seeded.ts";
import { DELIVERY_HEADER } from "./sink-block.ts";

const HOST = "127.0.0.1";

/** A slow answer takes this long between its two pieces, at most. */
const SLOW_MS = 150;

/** What a limited sender is asked to wait, seconds. */
const RETRY_AFTER = ["0.2", "1", "2"] as const;

export interface Sink extends AsyncDisposable {
  readonly url: string;
  /** Everything since the last `forget`, in order of arrival. */
  readonly received: readonly Received[];
  /** From now on every request is taken and answered at once, or misbehaves again. */
  behave(well: boolean): void;
  forget(): void;
}

/** The receiver of the proof: it misbehaves by plan and never forgets, and nobody kills it. */
export async function startSink({ clock, random }: { clock: Clock; random: Random }): Promise<Sink> {
  let received: Received[] = [];
  let isWell = false;
  const server = createServer((request, response) => {
    const name = (request.url ?? "").slice(1);
    const behaviour = isWell ? "ok" : behaviourOf(name, random);
    const record: Received = {
      deliveryId: String(request.headers[DELIVERY_HEADER] ?? ""),
      destination: refOf(name),
      behaviour,
      accepted: false,
      atMs: clock.now(),
    };
    // In order of arrival, also of what never arrives as a whole.
    received.push(record);
    if (behaviour === "reset") {
      request.socket.resetAndDestroy();
      return;
    }
    whenWhole(request, () => {
      record.accepted = ACCEPTS.has(behaviour);
      record.atMs = clock.now();
      answer(behaviour, response, { clock, random });
    });
  });
  // Ours decide when a connection ends.
  server.keepAliveTimeout = 60_000;
  server.listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://${HOST}:${port}`,
    get received() {
      return received;
    },
    behave: (well) => {
      isWell = well;
    },
    forget: () => {
      received = [];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function behaviourOf(name: string, random: Random): Behaviour {
  let drawn = random();
  for (const [behaviour, share] of Object.entries(DESTINATIONS[name] ?? {})) {
    drawn -= share;
    // The keys of the table.
    if (drawn < 0) return behaviour as Behaviour;
  }
  return "ok";
}

/** A sender that is killed in the middle leaves half a request, which nobody takes. */
function whenWhole(request: IncomingMessage, then: () => void): void {
  request.on("error", () => undefined); // the sender is gone
  request.once("end", then);
  request.resume();
}

function answer(
  behaviour: Behaviour,
  response: ServerResponse,
  { clock, random }: { clock: Clock; random: Random },
): void {
  response.on("error", () => undefined); // the sender is gone
  switch (behaviour) {
    case "ok":
      response.end("ok");
      return;
    case "slow":
      response.write("o");
      clock.timer(random() * SLOW_MS, () => response.end("k"));
      return;
    case "limit":
      response.writeHead(429, { "retry-after": RETRY_AFTER[between(random, 0, RETRY_AFTER.length - 1)] });
      response.end("slow down");
      return;
    case "error":
      response.writeHead(random() < 0.5 ? 500 : 503);
      response.end("not now");
      return;
    case "refuse":
      response.writeHead(400);
      response.end("not like this");
      return;
    case "drop":
      response.socket?.resetAndDestroy();
      return;
    default:
      // Never answers: the sender gives up by itself.
      return;
  }
}
