import type { Agent, Dispatcher } from "undici";
import type { Clock } from "../base/clock.ts";
import { killPoint } from "../base/kill-points.ts";
import {
  bareHost,
  checkLiteral,
  checkUrl,
  guardedLookup,
  resolveChecked,
  systemResolver,
  type Resolver,
} from "./address-guard.ts";
import { ExchangeWatch } from "./exchange-watch.ts";
import { Exchange, type HttpResult } from "./exchange.ts";
import { loadUndici } from "./undici-parts.ts";

/** Name lookup, TCP and TLS together. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Below the 5 s after which common servers close idle connections, so that no request is written to a dying one. */
const KEEP_ALIVE_MS = 4_000;
/**
 * Open connections per origin, opened as they are needed. Four times what one destination has out at once: one that hangs
 * must not keep others on the same host waiting.
 */
const CONNECTIONS = 64;
/** Addresses whose parts are kept, because a destination's is the same for all its messages. */
const TARGETS_KEPT = 1_000;

/** What decides which connections a request may share with others. */
interface ConnectPolicy {
  /** Loopback, private and link-local targets are allowed. */
  readonly allowPrivate: boolean;
  /** PEM certificates trusted besides the usual ones. */
  readonly ca?: string;
  /** False: certificates are not verified. */
  readonly verify?: boolean;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  /** Lower-case names. `user-agent` and `accept` are added where missing. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Total, from now to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly policy: ConnectPolicy;
  readonly signal?: AbortSignal | undefined;
}

/** The one way in which anything here speaks HTTP. Never rejects: what went wrong is a value. */
export interface HttpClient extends AsyncDisposable {
  request(request: HttpRequest): Promise<HttpResult>;
}

export interface HttpClientOptions {
  readonly clock: Clock;
  /** For the `User-Agent`. */
  readonly version: string;
  /** Environment that may name proxies (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, either case). Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the machine's name service. */
  readonly resolve?: Resolver;
}

/** Opens a client; nothing is loaded or connected before the first request. Disposing stops what is in flight. */
export function openHttpClient({ clock, version, env = {}, resolve = systemResolver }: HttpClientOptions): HttpClient {
  const agents = new Map<string, Promise<Dispatcher>>();
  const watch = new ExchangeWatch(clock);
  const targets = new Map<string, Target>();
  const userAgent = `Bellhop/${version}`;
  const proxies = proxiesOf(env);
  let closed = false;

  const agentFor = (policy: ConnectPolicy): Promise<Dispatcher> => {
    const key = `${policy.allowPrivate} ${policy.verify ?? true} ${policy.ca ?? ""}`;
    let agent = agents.get(key);
    if (agent === undefined) {
      agent = openAgent(policy, proxies, resolve);
      agents.set(key, agent);
    }
    return agent;
  };

  const targetOf = (url: string): Target => {
    let target = targets.get(url);
    if (target === undefined) {
      target = readTarget(url);
      if (targets.size >= TARGETS_KEPT) targets.clear();
      targets.set(url, target);
    }
    return target;
  };

  const dispatch = (agent: Dispatcher, { origin, path }: Target, request: HttpRequest): Promise<HttpResult> =>
    new Promise((settle) => {
      const exchange = new Exchange({
        deadlineMs: clock.monotonic() + request.timeoutMs,
        signal: request.signal,
        onSettled: (done, result) => {
          watch.remove(done);
          settle(result);
        },
      });
      watch.add(exchange);
      const { method, body, headers: own } = request;
      const headers = { "user-agent": userAgent, accept: "application/json, text/plain;q=0.9, */*;q=0.1", ...own };
      try {
        killPoint("connect:before");
        agent.dispatch({ origin, path, method, headers, body }, exchange);
        killPoint("write:after");
      } catch (error) {
        exchange.refuse(error);
      }
    });

  return {
    async request(request) {
      if (closed) return { kind: "stopped", by: "shutdown", written: false };
      if (request.signal?.aborted === true) return { kind: "stopped", by: "caller", written: false };
      try {
        const { policy } = request;
        const target = targetOf(request.url);
        if (!policy.allowPrivate) checkLiteral(target.host);
        const agent = await agentFor(policy);
        // Behind a proxy the connection to the target is not ours, so its name is checked here instead.
        if (proxies !== undefined && !policy.allowPrivate) await resolveChecked(target.host, resolve, false);
        if (closed) return { kind: "stopped", by: "shutdown", written: false };
        return await dispatch(agent, target, request);
      } catch (error) {
        return { kind: "failure", error, written: false };
      }
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      watch.stopAll("shutdown");
      const open = await Promise.allSettled(agents.values());
      await Promise.all(open.filter((agent) => agent.status === "fulfilled").map((agent) => agent.value.destroy()));
    },
  };
}

/** An address as a connection needs it. */
interface Target {
  readonly origin: string;
  readonly path: string;
  /** Without the brackets of an IPv6 literal. */
  readonly host: string;
}

/** @throws unsupported_scheme, invalid_address; a TypeError for what is no address */
function readTarget(text: string): Target {
  const url = new URL(text);
  checkUrl(url, true);
  return { origin: url.origin, path: url.pathname + url.search, host: bareHost(url.hostname) };
}

interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
}

/** Loopback is never reached through a proxy, as in Go's and Python's clients. */
const NEVER_PROXIED = "localhost,127.0.0.1,::1";

function proxiesOf(env: Readonly<Record<string, string | undefined>>): Proxies | undefined {
  const read = (name: string): string => env[name.toLowerCase()] ?? env[name] ?? "";
  const httpProxy = read("HTTP_PROXY");
  const httpsProxy = read("HTTPS_PROXY");
  if (httpProxy === "" && httpsProxy === "") return undefined;
  const noProxy = read("NO_PROXY");
  return { httpProxy, httpsProxy, noProxy: noProxy === "" ? NEVER_PROXIED : `${noProxy},${NEVER_PROXIED}` };
}

async function openAgent(policy: ConnectPolicy, proxies: Proxies | undefined, resolve: Resolver): Promise<Dispatcher> {
  const { Agent, buildConnector } = await loadUndici();
  const tls = {
    rejectUnauthorized: policy.verify ?? true,
    ...(policy.ca === undefined ? {} : { ca: await trustAlso(policy.ca) }),
  };
  const connectTcp = buildConnector({
    ...tls,
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    ...(policy.allowPrivate && resolve === systemResolver
      ? {}
      : { lookup: guardedLookup(resolve, policy.allowPrivate) }),
  });
  const options: Agent.Options = {
    connections: CONNECTIONS,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // The deadline of the exchange covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (target, callback) => {
      try {
        if (!policy.allowPrivate) checkLiteral(bareHost(target.hostname));
      } catch (error) {
        callback(error instanceof Error ? error : new Error(String(error)), null);
        return;
      }
      connectTcp(target, callback);
    },
  };
  if (proxies === undefined) return new Agent(options);
  const { EnvHttpProxyAgent } = await import("undici");
  return new EnvHttpProxyAgent({ ...options, ...proxies, requestTls: tls });
}

/** A `ca` replaces the trusted roots of a connection, so they are repeated. */
async function trustAlso(pem: string): Promise<string[]> {
  const { getCACertificates } = await import("node:tls");
  return [...getCACertificates("default"), pem];
}
