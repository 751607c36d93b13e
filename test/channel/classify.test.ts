import { describe, expect, it } from "vitest";
import { BellhopError } from "../../src/base/errors.ts";
import { classifyError, classifyStatus } from "../../src/channel/classify.ts";

const status = (code: number, text = "") => classifyStatus({ status: code, headers: {}, text });
const coded = (code: string, more: object = {}) => Object.assign(new Error(`it failed: ${code}`), { code, ...more });

describe("classification by status", () => {
  it.each([200, 201, 202, 204, 299])("takes %i for delivered", (code) => {
    expect(status(code)).toEqual({ kind: "delivered" });
  });

  it.each([
    [400, "invalid-payload"],
    [401, "auth"],
    [402, "quota"],
    [403, "forbidden"],
    [404, "not-found"],
    [405, "invalid-payload"],
    [406, "invalid-payload"],
    [409, "invalid-payload"],
    [410, "gone"],
    [411, "invalid-payload"],
    [413, "too-large"],
    [414, "invalid-payload"],
    [415, "invalid-payload"],
    [418, "invalid-payload"],
    [422, "invalid-payload"],
    [431, "invalid-payload"],
    [451, "forbidden"],
    [300, "redirect"],
    [301, "redirect"],
    [302, "redirect"],
    [304, "redirect"],
    [307, "redirect"],
    [101, "unexpected-response"],
    [600, "unexpected-response"],
  ])("gives up on %i as %s", (code, reason) => {
    expect(status(code)).toMatchObject({ kind: "permanent", reason });
  });

  it.each([
    [407, "proxy"],
    [408, "timeout"],
    [421, "server"],
    [423, "server"],
    [425, "server"],
    [429, "rate-limited"],
    [500, "server"],
    [501, "server"],
    [502, "server"],
    [503, "server"],
    [504, "server"],
    [599, "server"],
  ])("tries again after %i as %s", (code, reason) => {
    expect(status(code)).toMatchObject({ kind: "retry", reason, ambiguous: false });
  });

  it("disables a block that is gone and shrinks what is too large", () => {
    expect(status(410)).toMatchObject({ disableBlock: true });
    expect(status(413)).toMatchObject({ degrade: "shrink" });
  });

  it("says what the server said", () => {
    expect(status(503, " upstream down ")).toMatchObject({ detail: "HTTP 503: upstream down" });
    expect(status(503)).toMatchObject({ detail: "HTTP 503" });
  });
});

describe("classification of errors", () => {
  it.each(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"])(
    "knows that %s reached nobody",
    (code) => {
      expect(classifyError(coded(code), false)).toMatchObject({ kind: "retry", reason: "network", ambiguous: false });
    },
  );

  it.each(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])("leaves open whether a message was accepted before %s", (code) => {
    expect(classifyError(coded(code), true)).toMatchObject({ kind: "retry", reason: "network", ambiguous: true });
    expect(classifyError(coded(code), false)).toMatchObject({ ambiguous: false });
  });

  it.each(["ETIMEDOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"])("takes %s for a time-out", (code) => {
    expect(classifyError(coded(code), true)).toMatchObject({ kind: "retry", reason: "timeout", ambiguous: true });
  });

  it("tries an unknown host three times, a silent name service as often as the profile says", () => {
    expect(classifyError(coded("ENOTFOUND"), false)).toMatchObject({ kind: "retry", reason: "dns", maxAttempts: 3 });
    expect(classifyError(coded("EAI_AGAIN"), false)).not.toHaveProperty("maxAttempts");
  });

  it.each([
    "CERT_HAS_EXPIRED",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "EPROTO",
  ])("tries twice after %s", (code) => {
    expect(classifyError(coded(code), false)).toMatchObject({
      kind: "retry",
      reason: "tls",
      maxAttempts: 2,
      ambiguous: false,
    });
  });

  it.each([
    { error: new BellhopError("blocked_address", { host: "10.0.0.1", literal: true }), reason: "blocked-address" },
    { error: new BellhopError("unsupported_scheme", { scheme: "ftp" }), reason: "invalid-config" },
    { error: new BellhopError("invalid_address", { problem: "it names no host" }), reason: "invalid-config" },
    { error: coded("ERR_INVALID_URL"), reason: "invalid-config" },
  ])("gives up on $error.code", ({ error, reason }) => {
    expect(classifyError(error, false)).toMatchObject({ kind: "permanent", reason });
  });

  it("finds the real error below wrappers and lists", () => {
    const refused = coded("ECONNREFUSED");
    const list = new AggregateError([refused, coded("ENETUNREACH")]);

    expect(classifyError(new TypeError("fetch failed", { cause: list }), false)).toMatchObject({
      reason: "network",
      detail: "No connection (ECONNREFUSED)",
    });
    expect(classifyError(new Error("outer", { cause: { code: "no error" } }), false)).toMatchObject({
      detail: "outer",
    });
  });

  it("names a proxy that refuses", () => {
    expect(classifyError(new Error("Proxy response (407) !== 200 when HTTP Tunneling"), true)).toMatchObject({
      reason: "proxy",
      maxAttempts: 3,
      ambiguous: false,
    });
  });

  it("takes anything thrown", () => {
    expect(classifyError("text", true)).toMatchObject({ kind: "retry", detail: "text" });
    expect(classifyError(undefined, false)).toMatchObject({ kind: "retry" });
  });
});
