import { describe, expect, it } from "vitest";
import { bareHost, checkUrl, guardedLookup, isPublicAddress, resolveChecked } from "../../src/channel/address-guard.ts";

const PRIVATE = [
  ["unspecified", "0.0.0.0"],
  ["unspecified v6", "::"],
  ["loopback", "127.0.0.1"],
  ["loopback, far end", "127.255.255.254"],
  ["loopback v6", "::1"],
  ["private 10/8", "10.1.2.3"],
  ["private 172.16/12", "172.31.255.255"],
  ["private 192.168/16", "192.168.0.1"],
  ["carrier-grade NAT", "100.64.0.1"],
  ["link-local, cloud metadata", "169.254.169.254"],
  ["link-local v6", "fe80::1"],
  ["link-local v6 with zone", "fe80::1%eth0"],
  ["unique local", "fd00::1"],
  ["AWS metadata v6", "fd00:ec2::254"],
  ["site local, deprecated", "fec0::1"],
  ["multicast", "224.0.0.1"],
  ["multicast v6", "ff02::1"],
  ["broadcast", "255.255.255.255"],
  ["reserved", "240.0.0.1"],
  ["benchmarking", "198.18.0.1"],
  ["documentation", "192.0.2.1"],
  ["documentation v6", "2001:db8::1"],
  ["documentation v6, second", "3fff::1"],
  ["Teredo", "2001::1"],
  ["segment routing", "5f00::1"],
  ["discard", "100::1"],
  ["Azure platform", "168.63.129.16"],
  ["IPv4-mapped loopback", "::ffff:127.0.0.1"],
  ["IPv4-mapped metadata", "::ffff:a9fe:a9fe"],
  ["IPv4-mapped platform", "::ffff:168.63.129.16"],
  ["IPv4-translated loopback", "::ffff:0:7f00:1"],
  ["IPv4-compatible loopback", "::127.0.0.1"],
  ["NAT64 loopback", "64:ff9b::7f00:1"],
  ["NAT64 local use", "64:ff9b:1::808:808"],
  ["6to4 private", "2002:a00:1::"],
  ["unassigned v6", "4000::1"],
  ["not an address", "example.org"],
  ["empty", ""],
] as const;

const PUBLIC = [
  "8.8.8.8",
  "1.1.1.1",
  "93.184.216.34",
  "2606:4700::1111",
  "::ffff:8.8.8.8",
  "64:ff9b::808:808",
  "2002:808:808::",
];

const codeOf = (fn: () => unknown): unknown => {
  try {
    return fn();
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("address guard", () => {
  it.each(PRIVATE)("refuses %s (%s)", (_name, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(PUBLIC)("allows %s", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ["decimal", "http://2130706433/"],
    ["hexadecimal", "http://0x7f.1/"],
    ["octal", "http://0177.0.0.1/"],
    ["short", "http://127.1/"],
    ["full-width digits", "http://１２７.０.０.１/"],
    ["IPv6 loopback", "http://[::1]/"],
    ["IPv4-mapped", "http://[::ffff:127.0.0.1]/"],
    ["metadata", "http://169.254.169.254/latest/meta-data/"],
    ["metadata, decimal", "http://2852039166/"],
    ["trailing dot", "http://127.0.0.1./"],
  ])("sees through the %s spelling of an address", (_name, text) => {
    expect(codeOf(() => checkUrl(new URL(text), false))).toBe("blocked_address");
    expect(codeOf(() => checkUrl(new URL(text), true))).toBeUndefined();
  });

  it.each([
    { url: "ftp://example.org/", code: "unsupported_scheme" },
    { url: "file:///etc/passwd", code: "unsupported_scheme" },
    { url: "javascript:alert(1)", code: "unsupported_scheme" },
    { url: "https://user:pass@example.org/", code: "invalid_address" },
    { url: "https://user@example.org/", code: "invalid_address" },
  ])("refuses $url whatever is allowed", ({ url, code }) => {
    expect(codeOf(() => checkUrl(new URL(url), true))).toBe(code);
  });

  it("refuses a name when one of its addresses is private, and does not say which", async () => {
    const resolve = async () => [
      { address: "93.184.216.34", family: 4 },
      { address: "10.0.0.7", family: 4 },
    ];

    const refusal = resolveChecked("mixed.example", resolve, false);

    await expect(refusal).rejects.toMatchObject({ code: "blocked_address" });
    await expect(refusal).rejects.not.toThrow("10.0.0.7");
    await expect(resolveChecked("mixed.example", resolve, true)).resolves.toHaveLength(2);
  });

  it("refuses a name without any address", async () => {
    await expect(resolveChecked("empty.example", async () => [], true)).rejects.toMatchObject({
      code: "name_resolution_failed",
    });
  });

  it("hands sockets the checked addresses only, in either calling style", async () => {
    const lookup = guardedLookup(
      async () => [
        { address: "2606:4700::1111", family: 6 },
        { address: "1.1.1.1", family: 4 },
      ],
      false,
    );
    const call = (options: { all?: boolean; family?: number }) =>
      new Promise((resolve) => lookup("x.example", options, (...args) => resolve(args)));

    expect(await call({ all: true })).toEqual([
      null,
      [
        { address: "2606:4700::1111", family: 6 },
        { address: "1.1.1.1", family: 4 },
      ],
    ]);
    expect(await call({})).toEqual([null, "2606:4700::1111", 6]);
    expect(await call({ family: 4 })).toEqual([null, "1.1.1.1", 4]);
  });

  it("strips the brackets of an IPv6 host", () => {
    expect(bareHost(new URL("http://[::1]:80/").hostname)).toBe("::1");
    expect(bareHost("example.org")).toBe("example.org");
  });
});
