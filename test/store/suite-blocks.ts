import { describe, expect, it } from "vitest";
import { errorCode } from "../../src/base/errors.ts";
import { isUuid, newId } from "../../src/base/ids.ts";
import type { BlockDocumentRow, BlockSchemaRow, BlockStore, BlockTypeRow } from "../../src/block/block-store.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { START_MICROS } from "../support/store-records.ts";

const aType = (slug: string, values: Partial<BlockTypeRow> = {}): BlockTypeRow => ({
  id: newId(),
  slug,
  name: slug.toUpperCase(),
  description: "Posts to Slack",
  documentationUrl: null,
  logoUrl: null,
  codeExample: null,
  isProtected: false,
  ...values,
});

const aSchema = (blockTypeId: string, values: Partial<BlockSchemaRow> = {}): BlockSchemaRow => ({
  id: newId(),
  blockTypeId,
  checksum: `sha256:${"a".repeat(64)}`,
  fields: { type: "object", properties: { url: { type: "string" } } },
  capabilities: ["notify"],
  version: "1",
  ...values,
});

interface Stored {
  readonly type: BlockTypeRow;
  readonly schema: BlockSchemaRow;
  readonly document: (name: string, values?: Partial<BlockDocumentRow>) => BlockDocumentRow;
}

/** A stored type with a schema, and a maker of documents for them. */
async function storedType(
  blocks: BlockStore,
  slug: string,
  capabilities: readonly string[] = ["notify"],
): Promise<Stored> {
  const type = await blocks.putType(aType(slug));
  const schema = await blocks.putSchema(aSchema(type.id, { capabilities }));
  const document = (name: string, values: Partial<BlockDocumentRow> = {}): BlockDocumentRow => ({
    id: newId(),
    name,
    isAnonymous: false,
    blockTypeId: type.id,
    blockTypeSlug: slug,
    blockTypeName: type.name,
    blockSchemaId: schema.id,
    data: `sealed:${name}`,
    revision: 1,
    labels: { team: "data" },
    references: [],
    createdMicros: START_MICROS,
    updatedMicros: START_MICROS,
    ...values,
  });
  return { type, schema, document };
}

/** What every block store must do. */
export function blockStoreSuite(open: StoreOpener): void {
  describe("block types and schemas", () => {
    it("has one id for the store, the same in every process", async () => {
      await using fixture = await open();
      const other = await fixture.beside();

      const id = await fixture.store.blocks.storeId();

      expect(isUuid(id)).toBe(true);
      expect(await other.blocks.storeId()).toBe(id);
    });

    it("inserts a type, then updates its texts and keeps its id", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const first = await blocks.putType(aType("slack-webhook", { isProtected: true }));

      const second = await blocks.putType(
        aType("slack-webhook", { name: "Slack", description: null, isProtected: false }),
      );

      expect(second).toEqual({ ...first, name: "Slack", description: null, isProtected: true });
      expect(await blocks.readType("slack-webhook")).toEqual(second);
      expect(await blocks.readType("nothing")).toBeNull();
    });

    it("lists types by slug", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      for (const slug of ["webhook", "json", "secret"]) await blocks.putType(aType(slug));

      expect((await blocks.listTypes()).map((type) => type.slug)).toEqual(["json", "secret", "webhook"]);
    });

    it("stores a schema once per type, checksum and version", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const other = await fixture.beside();
      const [one, two] = [await blocks.putType(aType("one")), await blocks.putType(aType("two"))];
      const schema = aSchema(one.id);

      const stored = await Promise.all([
        blocks.putSchema(schema),
        other.blocks.putSchema(aSchema(one.id)),
        blocks.putSchema(aSchema(one.id)),
      ]);
      const ofOther = await blocks.putSchema(aSchema(two.id));

      expect(new Set(stored.map((row) => row.id)).size).toBe(1);
      expect(ofOther.id).not.toBe(stored[0]?.id);
      expect(await blocks.readSchema(one.id, schema.checksum, "1")).toEqual({ ...schema, id: stored[0]?.id });
      expect(await blocks.readSchemaById(ofOther.id)).toEqual(ofOther);
      expect(await blocks.readSchema(one.id, schema.checksum, "2")).toBeNull();
    });

    it("reads the newest schema of a type", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const type = await blocks.putType(aType("one"));
      await blocks.putSchema(aSchema(type.id));

      const newest = await blocks.putSchema(aSchema(type.id, { version: "2" }));

      expect(await blocks.readNewestSchema(type.id)).toEqual(newest);
      expect(await blocks.readNewestSchema(newId())).toBeNull();
    });

    it("refuses a schema of a type that is not there", async () => {
      await using fixture = await open();

      expect(await fixture.store.blocks.putSchema(aSchema(newId())).catch(errorCode)).toBe("store_conflict");
    });
  });

  describe("block documents", () => {
    it("reads a document back by name and by id", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const { document } = await storedType(blocks, "slack-webhook");
      const ops = document("ops");

      expect(await blocks.insertDocument(ops)).toBe(true);

      expect(await blocks.readDocument("slack-webhook", "ops")).toEqual(ops);
      expect(await blocks.readDocumentById(ops.id)).toEqual(ops);
      expect(await blocks.readDocument("slack-webhook", "nobody")).toBeNull();
      expect(await blocks.readDocumentById(newId())).toBeNull();
    });

    it("lets one of several who save a name at once win, and writes nothing of the others", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const { document } = await storedType(fixture.store.blocks, "slack-webhook");
      const rivals = [document("ops"), document("ops"), document("ops")];

      const won = await Promise.all(
        rivals.map((rival, index) => (index === 1 ? other : fixture.store).blocks.insertDocument(rival)),
      );

      expect(won.filter(Boolean)).toHaveLength(1);
      const stored = await fixture.store.blocks.readDocument("slack-webhook", "ops");
      expect(stored?.id).toBe(rivals[won.indexOf(true)]?.id);
    });

    it("lets two types use one name", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const [one, two] = [await storedType(blocks, "one"), await storedType(blocks, "two")];

      expect(await blocks.insertDocument(one.document("ops"))).toBe(true);
      expect(await blocks.insertDocument(two.document("ops"))).toBe(true);
    });

    it("updates a document only from the revision the caller has read", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const { document } = await storedType(blocks, "slack-webhook");
      const first = document("ops");
      await blocks.insertDocument(first);
      const second = { ...first, data: "sealed:new", revision: 2, labels: {}, updatedMicros: START_MICROS + 5 };

      expect(await blocks.updateDocument(second, 1)).toBe(true);
      expect(await blocks.updateDocument({ ...first, data: "sealed:stale", revision: 2 }, 1)).toBe(false);
      expect(await blocks.readDocumentById(first.id)).toEqual(second);
    });

    it("lists documents by type and name, filtered and in pages", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const [slack, text] = [await storedType(blocks, "slack-webhook"), await storedType(blocks, "json", [])];
      for (const name of ["ops", "dev_1", "dev-1"]) await blocks.insertDocument(slack.document(name));
      await blocks.insertDocument(text.document("settings"));
      await blocks.insertDocument(text.document("anonymous-1", { isAnonymous: true }));
      const names = async (filter?: Parameters<BlockStore["listDocuments"]>[0]) =>
        (await blocks.listDocuments(filter)).map((row) => `${row.blockTypeSlug}/${row.name}`);

      expect(await names()).toEqual([
        "json/settings",
        "slack-webhook/dev-1",
        "slack-webhook/dev_1",
        "slack-webhook/ops",
      ]);
      expect(await names({ typeSlug: "json", anonymous: true })).toEqual(["json/anonymous-1", "json/settings"]);
      expect(await names({ capability: "notify", limit: 1, offset: 1 })).toEqual(["slack-webhook/dev_1"]);
      expect(await names({ nameLike: "EV_" })).toEqual(["slack-webhook/dev_1"]);
      expect(await names({ nameLike: "%" })).toEqual([]);
    });
  });

  describe("references between documents", () => {
    it("keeps them with the document and replaces them with it", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const { document } = await storedType(blocks, "email");
      const [server, other] = [document("server"), document("other")];
      const parent = document("mail", { references: [{ referencedId: server.id, path: "/credentials" }] });
      for (const row of [server, other, parent]) await blocks.insertDocument(row);

      const moved = {
        ...parent,
        revision: 2,
        references: [
          { referencedId: other.id, path: "/a" },
          { referencedId: server.id, path: "/b" },
        ],
      };
      await blocks.updateDocument(moved, 1);

      expect(await blocks.readDocumentById(parent.id)).toEqual(moved);
      expect((await blocks.listReferrers(other.id, 10)).map((row) => row.id)).toEqual([parent.id]);
    });

    it("refuses to delete a document that another one refers to, until that one is gone", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const { document } = await storedType(blocks, "email");
      const server = document("server");
      const parent = document("mail", { references: [{ referencedId: server.id, path: "/credentials" }] });
      await blocks.insertDocument(server);
      await blocks.insertDocument(parent);

      const refused = await blocks.deleteDocument(server.id).catch(errorCode);

      expect(refused).toBe("store_conflict");
      expect(await blocks.deleteDocument(parent.id)).toBe(true);
      expect(await blocks.deleteDocument(server.id)).toBe(true);
      expect(await blocks.deleteDocument(server.id)).toBe(false);
    });

    it.each([
      { problem: "to nothing", referencedId: () => newId() },
      { problem: "to itself", referencedId: (own: string) => own },
    ])("refuses a reference $problem, with the document", async ({ referencedId }) => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const { document } = await storedType(blocks, "email");
      const id = newId();

      const failure = await blocks
        .insertDocument(
          document("mail", { id, references: [{ referencedId: referencedId(id), path: "/credentials" }] }),
        )
        .catch(errorCode);

      expect(failure).toBe("store_conflict");
      expect(await blocks.readDocumentById(id)).toBeNull();
    });

    it("lists at most as many referrers as asked for", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const { document } = await storedType(blocks, "email");
      const server = document("server");
      await blocks.insertDocument(server);
      for (const name of ["c", "a", "b"])
        await blocks.insertDocument(document(name, { references: [{ referencedId: server.id, path: "/x" }] }));

      expect((await blocks.listReferrers(server.id, 2)).map((row) => row.name)).toEqual(["a", "b"]);
    });
  });

  describe("encryption keys", () => {
    it("makes one key active, whoever comes first, and tells the others which", async () => {
      await using fixture = await open();
      const other = await fixture.beside();
      const key = (kid: string) => ({ kid, state: "active" as const, source: "file" });

      const active = await Promise.all([
        fixture.store.blocks.activateKey(key("k1")),
        other.blocks.activateKey(key("k2")),
        fixture.store.blocks.activateKey(key("k3")),
      ]);

      expect(new Set(active.map((row) => row.kid)).size).toBe(1);
      expect(await other.blocks.readKeys()).toEqual([active[0]]);
    });

    it("gives back the key that is active already", async () => {
      await using fixture = await open();
      const { blocks } = fixture.store;
      const key = { kid: "k1", state: "active" as const, source: "keychain" };
      await blocks.activateKey(key);

      expect(await blocks.activateKey(key)).toEqual(key);
    });
  });
}
