import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { callbackify } from "node:util";
import ipaddr from "ipaddr.js";
import { BellhopError } from "../base/errors.ts";

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Finds all addresses of a host name. Rejects with a system error (`ENOTFOUND`, `EAI_AGAIN`). */
export type Resolver = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** The machine's own name service, hosts file included. */
export const systemResolver: Resolver = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error === null ? resolve(addresses) : reject(error)));
  });

/** Public by number, but the platform's own control plane. Source: Microsoft Learn, "What is IP address 168.63.129.16?". */
const PLATFORM_ADDRESSES: ReadonlySet<string> = new Set(["168.63.129.16"]);

/** IPv6 ranges that carry an IPv4 address, and the 16-bit group at which it starts. */
const EMBEDDED_V4: Readonly<Record<string, number>> = { ipv4Mapped: 6, rfc6145: 6, rfc6052: 6, "6to4": 1 };

/** Only this block is handed out to networks. Source: IANA, "IPv6 Global Unicast Address Assignments". */
const GLOBAL_V6: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("2000::"), 3];

function embeddedV4(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const at = EMBEDDED_V4[address.range()];
  // 64:ff9b:1::/48 is translated inside one network only and places the address elsewhere.
  if (at === undefined || (address.range() === "rfc6052" && address.parts[2] !== 0)) return undefined;
  const high = address.parts[at] ?? 0;
  const low = address.parts[at + 1] ?? 0;
  return new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
}

/** True for an address that any host of the internet may have; false for every special range and for what is no address. */
export function isPublicAddress(text: string): boolean {
  const bare = text.split("%", 1)[0] ?? "";
  if (isIP(bare) === 0) return false;
  const parsed = ipaddr.parse(bare);
  if (parsed instanceof ipaddr.IPv4) return parsed.range() === "unicast" && !PLATFORM_ADDRESSES.has(parsed.toString());
  const inner = embeddedV4(parsed);
  if (inner !== undefined) return isPublicAddress(inner.toString());
  return parsed.range() === "unicast" && parsed.match(GLOBAL_V6);
}

/** The host of a URL without the brackets of an IPv6 literal. */
export const bareHost = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, "$1");

/**
 * Checks the parts of a target that need no name service. Call it with the parsed URL: the parser has already turned
 * decimal, octal, hexadecimal and full-width spellings of an address into the usual one.
 *
 * @throws unsupported_scheme, invalid_address, blocked_address
 */
export function checkUrl(url: URL, allowPrivate: boolean): void {
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new BellhopError("unsupported_scheme", { scheme: url.protocol.replace(":", "") });
  }
  if (url.hostname === "") throw new BellhopError("invalid_address", { problem: "it names no host" });
  if (url.username !== "" || url.password !== "") {
    throw new BellhopError("invalid_address", { problem: "it carries a user name or password before the host" });
  }
  if (!allowPrivate) checkLiteral(bareHost(url.hostname));
}

/**
 * Refuses an IP literal that is not public. Needed because a socket never asks `lookup` about a literal.
 * @throws blocked_address
 */
export function checkLiteral(host: string): void {
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw new BellhopError("blocked_address", { host, literal: true });
}

/**
 * All addresses of a name, if every one of them may be dialled. One private answer refuses the whole name: picking the
 * public one out of a mixed answer would leave the choice to whoever runs the name server.
 *
 * @throws blocked_address, name_resolution_failed, or the resolver's own error
 */
export async function resolveChecked(
  hostname: string,
  resolve: Resolver,
  allowPrivate: boolean,
): Promise<readonly ResolvedAddress[]> {
  const addresses = await resolve(hostname);
  if (addresses.length === 0) throw new BellhopError("name_resolution_failed", { host: hostname });
  if (!allowPrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
    throw new BellhopError("blocked_address", { host: hostname, literal: false });
  }
  return addresses;
}

/**
 * A `lookup` for sockets that hands over checked addresses only. The address that was checked is the one that is dialled,
 * so a name server that answers differently the second time (DNS rebinding) gains nothing.
 */
export function guardedLookup(resolve: Resolver, allowPrivate: boolean): LookupFunction {
  const check = callbackify((hostname: string) => resolveChecked(hostname, resolve, allowPrivate));
  return (hostname, options, callback) =>
    check(hostname, (error, addresses) => {
      if (error !== null) callback(error, "", 0);
      else if (options.all === true) callback(null, [...addresses]);
      else {
        const family = Number(String(options.family ?? 0).replace("IPv", ""));
        const first = addresses.find((each) => family === 0 || each.family === family) ?? addresses[0];
        if (first === undefined) callback(new BellhopError("name_resolution_failed", { host: hostname }), "", 0);
        else callback(null, first.address, first.family);
      }
    });
}
