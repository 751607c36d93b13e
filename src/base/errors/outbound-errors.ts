import type { ErrorSpec } from "./error-spec.ts";

/** The way out: addresses and connections. */
export const OUTBOUND_ERRORS = {
  blocked_address: {
    name: "BlockedAddressError",
    status: 422,
    message: (d: { host: string; literal: boolean }) =>
      d.literal
        ? `The address ${d.host} is not a public one.`
        : `The host "${d.host}" resolves to an address that is not public.`,
    hint: () => `Use a public address, or allow private ones on the block (allow_private_urls: true).`,
  },
  unsupported_scheme: {
    name: "UnsupportedSchemeError",
    status: 422,
    message: (d: { scheme: string }) => `Cannot send to a "${d.scheme}" address.`,
    hint: () => `Use an address that starts with https:// or http://.`,
  },
  invalid_address: {
    name: "InvalidAddressError",
    status: 422,
    message: (d: { problem: string }) => `The address of the destination cannot be used: ${d.problem}.`,
    hint: () => `Check the address saved in the block; save it again with "bellhop block save".`,
  },
  connect_timeout: {
    name: "ConnectTimeoutError",
    status: 504,
    message: (d: { host: string; timeoutMs: number }) =>
      `No connection to "${d.host}" within ${d.timeoutMs / 1_000} s.`,
    hint: () => `Check host and port in the block, and whether a firewall lies between.`,
  },
  name_resolution_failed: {
    name: "NameResolutionError",
    status: 502,
    message: (d: { host: string }) => `The host name "${d.host}" has no address.`,
    hint: () => `Check the spelling of the host in the block, and the name service of this machine.`,
  },
} as const satisfies Record<string, ErrorSpec>;
