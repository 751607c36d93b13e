import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import {
  type DocumentBinding,
  type Envelope,
  openEnvelope,
  readEnvelope,
  sealDocument,
} from "../../src/block/envelope.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { parseKeys, toMasterKey } from "../../src/vault/master-key.ts";
import { coded } from "../support/coded.ts";

const counted = (): ((size: number) => Buffer) => {
  let next = 0;
  return (size) => Buffer.from(Array.from({ length: size }, () => next++ % 256));
};

const masterBytes = () => counted()(32);
const key = toMasterKey(masterBytes(), "env");

const binding: DocumentBinding = {
  documentId: "0190a5c2-7f2e-7c11-8b4e-0a1b2c3d4e5f",
  typeSlug: "slack-webhook",
  documentName: "prod",
  references: [],
};

const data = { url: "https://hooks.slack.com/services/T/B/x", notify_type: "info", allow_private_urls: true };

const open = (text: string, bound: DocumentBinding = binding, with_ = key) =>
  openEnvelope(readEnvelope(text, bound.documentId), bound, with_);

it("seals to the published test vector, byte for byte", () => {
  const text = sealDocument(data, binding, key, counted());

  expect(key.kid).toBe("e98af9e47b5270c6");
  expect(key.kek.export().toString("hex")).toBe("0309a200bbe4ee6b03df1907fa9484e5e192588b969afa79e882cab7a0e42a72");
  expect(JSON.parse(text)).toEqual({
    v: 1,
    alg: "A256GCM",
    kid: "e98af9e47b5270c6",
    dek: "REVGR0hJSktMTU5PdO5fuu7QK4ZYvXV_mdF2fRR0XJ1USFZYW4kJ2scrj9bVQw2WF_D3xtKKHUodNc3j",
    fields: {
      allow_private_urls:
        "ICEiIyQlJicoKSorpkjTFUy4Oi46XGLu4TjU2fBpzLynoEPOTNZMMmmqfilVrsUkrgUV-jTdTrJ4KT_owgrMrrocDUHuQl89bJIq_XVPzKzIkH3z56c0m27PbDs",
      notify_type:
        "LC0uLzAxMjM0NTY3cJRLcA2zxOwW6L3GG8NKOPUqCOxGRQePdUiyvDuFuKIKBJ4EYPFtZkp9z44PbCey5KVgMeBLbJK0bcNJ0Oua9C3pwETeUqHaDIMNwsQ5bB4",
      url: "ODk6Ozw9Pj9AQUJDXhTWBPiTvKzIfjMVCfvuMghDFX4ITVK-tVlYJLF5Jdy-6e-grNduBJ8wi-VPWHq_UHZBV-txWLS6MhlebvtB0KqrkOXyvxj-KR89-kCP-Sk",
    },
  });
  expect(open(text)).toEqual(data);
});

it("opens what it sealed", () => {
  const json = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(json, (value) => {
      // -0 has no form of its own in JSON.
      const plain = JSON.parse(JSON.stringify(value)) as JsonObject;

      expect(open(sealDocument(plain, binding, key))).toEqual(plain);
    }),
  );
});

it("hides the length of short values and never repeats itself", () => {
  const short = readEnvelope(sealDocument({ a: "x" }, binding, key), binding.documentId);
  const longer = readEnvelope(sealDocument({ a: "x".repeat(40) }, binding, key), binding.documentId);

  expect(short.fields["a"]?.length).toBe(longer.fields["a"]?.length);
  expect(sealDocument(data, binding, key)).not.toBe(sealDocument(data, binding, key));
});

describe("a sealed document that was altered", () => {
  let sealed: Envelope;
  let older: Envelope;
  beforeEach(() => {
    sealed = readEnvelope(sealDocument(data, binding, key), binding.documentId);
    older = readEnvelope(sealDocument(data, binding, key), binding.documentId);
  });

  const flipped = (blob: string): string => {
    const bytes = Buffer.from(blob, "base64url");
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    return bytes.toString("base64url");
  };
  const without = (fields: Envelope["fields"], name: string) =>
    Object.fromEntries(Object.entries(fields).filter(([key_]) => key_ !== name));

  it.each([
    {
      what: "two fields swapped",
      alter: (e: Envelope) => ({
        ...e,
        fields: { ...e.fields, url: e.fields["notify_type"], notify_type: e.fields["url"] },
      }),
    },
    { what: "a field dropped", alter: (e: Envelope) => ({ ...e, fields: without(e.fields, "url") }) },
    { what: "a field added", alter: (e: Envelope) => ({ ...e, fields: { ...e.fields, extra: e.fields["url"] } }) },
    {
      what: "a field renamed",
      alter: (e: Envelope) => ({ ...e, fields: { ...without(e.fields, "url"), link: e.fields["url"] } }),
    },
    {
      what: "a flipped bit in a field",
      alter: (e: Envelope) => ({ ...e, fields: { ...e.fields, url: flipped(e.fields["url"] ?? "") } }),
    },
    { what: "a flipped bit in the key", alter: (e: Envelope) => ({ ...e, dek: flipped(e.dek) }) },
    {
      what: "a truncated tag",
      alter: (e: Envelope) => ({ ...e, fields: { ...e.fields, url: e.fields["url"]?.slice(0, -6) } }),
    },
    {
      what: "a blob shorter than nonce and tag",
      alter: (e: Envelope) => ({ ...e, fields: { ...e.fields, url: "AAAA" } }),
    },
    {
      what: "a field of an older write",
      alter: (e: Envelope) => ({ ...e, fields: { ...e.fields, url: older.fields["url"] } }),
    },
    { what: "the key of an older write", alter: (e: Envelope) => ({ ...e, dek: older.dek }) },
    { what: "another key id", alter: (e: Envelope) => ({ ...e, kid: "0000000000000000" }) },
    { what: "another version", alter: (e: Envelope) => ({ ...e, v: 2 }) },
    { what: "no fields", alter: (e: Envelope) => ({ ...e, fields: null }) },
    { what: "a field that is no text", alter: (e: Envelope) => ({ ...e, fields: { ...e.fields, url: 5 } }) },
  ])("is refused with $what", ({ alter }) => {
    expect(coded(() => open(JSON.stringify(alter(sealed)))).code).toBe("block_tampered");
  });

  it.each([
    { what: "document", bound: { ...binding, documentId: "0190a5c2-7f2e-7c11-8b4e-000000000000" } },
    { what: "type", bound: { ...binding, typeSlug: "custom-webhook" } },
    { what: "name", bound: { ...binding, documentName: "staging" } },
    { what: "set of references", bound: { ...binding, references: [{ path: "/credentials", referencedId: "x" }] } },
  ])("is refused under another $what", ({ bound }) => {
    expect(coded(() => open(JSON.stringify(sealed), bound)).code).toBe("block_tampered");
  });

  it("is refused with another key", () => {
    const [other] = parseKeys("ff".repeat(31) + "00", "env", "test");
    if (other === undefined) throw new Error("no key");

    expect(coded(() => open(JSON.stringify(sealed), binding, other)).code).toBe("block_tampered");
  });

  it("is refused when it is no envelope at all, naming no content", () => {
    const error = coded(() => open('"https://hooks.slack.com/services/T/B/x"'));

    expect(error.code).toBe("block_tampered");
    expect(error.message).not.toContain("hooks.slack.com");
  });
});

it("binds each reference to its place", () => {
  const references = [
    { path: "/b", referencedId: "1" },
    { path: "/a", referencedId: "2" },
  ];
  const text = sealDocument({}, { ...binding, references }, key);

  expect(open(text, { ...binding, references: references.toReversed() })).toEqual({});
  const swapped = [
    { path: "/a", referencedId: "1" },
    { path: "/b", referencedId: "2" },
  ];
  expect(coded(() => open(text, { ...binding, references: swapped })).code).toBe("block_tampered");
});
