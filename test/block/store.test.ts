import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MASK } from "../../src/base/secret.ts";
import { deleteBlock } from "../../src/block/delete-block.ts";
import type { BlockStore } from "../../src/block/block-store.ts";
import { inspectBlock, listBlocks } from "../../src/block/list-blocks.ts";
import { registerClass, setBuiltinBlocks } from "../../src/block/registry.ts";
import { BUILTIN_BLOCKS } from "../../src/builtin.gen.ts";
import { Block, blockField, secret, secretDict, z } from "../../src/sdk.ts";
import { StringBlock } from "../../blocks/string.ts";
import { type TestBlocks, openTestBlocks } from "../support/block-context.ts";
import { rejected } from "../support/coded.ts";
import { warningsOf } from "../support/warnings.ts";

class Login extends Block.define({ slug: "store-login", schema: z.object({ user: z.string(), password: secret() }) }) {}
class Target extends Block.define({ slug: "store-target", schema: z.object({ token: secret() }) }) {}
class Mailer extends Block.define({
  slug: "store-mailer",
  schema: z.object({
    login: blockField(() => Login),
    targets: z.array(blockField(() => [Target, Login])).default([]),
    headers: secretDict().prefault({}),
    note: z.string().nullable().default(null),
  }),
}) {
  who(): string {
    return this.login.user;
  }
}

let blocks: TestBlocks;
const within = <T>(fn: () => T): T => blocks.within(fn);

beforeAll(async () => {
  setBuiltinBlocks(BUILTIN_BLOCKS);
  blocks = await openTestBlocks();
});
afterAll(() => blocks[Symbol.asyncDispose]());

const login = (password = "store-password-1") => new Login({ user: "eve", password });

describe("saving", () => {
  it("stores a document that loads back equal, with its metadata", async () => {
    await within(async () => {
      const block = login();
      const id = await block.save("prod");
      const loaded = await Login.load("prod");

      expect(loaded).toBeInstanceOf(Login);
      expect(loaded.password.reveal()).toBe("store-password-1");
      expect(loaded).toMatchObject({
        documentId: id,
        documentName: "prod",
        isAnonymous: false,
        revision: 1,
        origin: "store",
      });
      expect(block.documentId).toBe(id);
      expect(loaded.placeholder).toBe("prefect.blocks.store-login.prod");
    });
  });

  it("refuses a taken name unless overwrite is given, and then replaces all fields of that document", async () => {
    await within(async () => {
      const id = await new StringBlock({ value: "one" }).save("taken");
      const again = new StringBlock({ value: "two" });

      expect((await rejected(again.save("taken"))).code).toBe("block_already_exists");
      expect(await again.save({ name: "taken", overwrite: true })).toBe(id);
      expect(again.revision).toBe(2);
      expect((await StringBlock.load("taken")).value).toBe("two");
    });
  });

  it("overwrites the document that has the name, not the one the instance came from", async () => {
    await within(async () => {
      await new StringBlock({ value: "a" }).save("from");
      const target = await new StringBlock({ value: "b" }).save("to");
      const loaded = await StringBlock.load("from");

      loaded.value = "changed";
      expect(await loaded.save("to", { overwrite: true })).toBe(target);

      expect((await StringBlock.load("from")).value).toBe("a");
      expect((await StringBlock.load("to")).value).toBe("changed");
    });
  });

  it("uses the name it was loaded with, and needs one otherwise", async () => {
    await within(async () => {
      await new StringBlock({ value: "a" }).save("named");
      const loaded = await StringBlock.load("named");

      loaded.value = "b";
      await loaded.save({ overwrite: true });

      expect((await StringBlock.load("named")).value).toBe("b");
      expect((await rejected(new StringBlock({ value: "x" }).save())).code).toBe("block_name_required");
    });
  });

  it.each(["Upper", "under_score", "", "a/b", "dot.", "new\nline", "line\n"])("refuses the name %j", async (name) => {
    expect((await rejected(within(() => new StringBlock({ value: "x" }).save(name)))).code).toBe("invalid_block_name");
  });

  it("makes a new hidden document for each anonymous save", async () => {
    await within(async () => {
      const block = new StringBlock({ value: "x" });
      const first = await block.save({ anonymous: true });
      const name = block.documentName ?? "";
      const second = await block.save({ anonymous: true });

      expect(second).not.toBe(first);
      expect(name).toMatch(/^anonymous-[0-9a-f-]{36}$/);
      expect((await StringBlock.load(name)).isAnonymous).toBe(true);
      expect((await StringBlock.list()).map((row) => row.name)).not.toContain(name);
      expect((await StringBlock.list({ anonymous: true })).map((row) => row.name)).toContain(name);
    });
  });

  it("refuses another revision than the expected one", async () => {
    await within(async () => {
      const block = new StringBlock({ value: "x" });
      await block.save("revised");
      await block.save("revised", { overwrite: true, ifRevision: 1 });

      const error = await rejected(block.save("revised", { overwrite: true, ifRevision: 1 }));
      expect(error).toMatchObject({ code: "block_revision_conflict", details: { expected: 1, found: 2 } });
    });
  });

  it("keeps the last of many concurrent overwrites, each with a revision of its own", async () => {
    await within(async () => {
      const values = Array.from({ length: 8 }, (_, index) => new StringBlock({ value: `v${index}` }));
      await Promise.all(values.map((block) => block.save("contended", { overwrite: true })));

      expect(new Set(values.map((block) => block.revision))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
      expect((await StringBlock.load("contended")).revision).toBe(8);
    });
  });

  it("validates again, and refuses the mask and a secret of the wrong kind", async () => {
    await within(async () => {
      const block = new StringBlock({ value: "x" });
      // As untyped code may do it.
      Object.assign(block, { value: 5 });
      expect((await rejected(block.save("bad"))).code).toBe("block_validation_failed");

      const masked = login();
      masked.password = masked.password.map(() => MASK);
      expect((await rejected(masked.save("masked"))).code).toBe("masked_value");
    });
  });

  it("refuses a value of more than one mebibyte", async () => {
    const large = new StringBlock({ value: "x".repeat(1_048_576) });

    expect((await rejected(within(() => large.save("large")))).code).toBe("block_too_large");
  });

  it("tells a re-declared field from a missing one", async () => {
    class Redeclared extends Block.define({ slug: "store-redeclared", schema: z.object({ value: z.string() }) }) {
      override value!: string;
    }

    const error = await rejected(within(() => new Redeclared({ value: "x" }).save("x")));
    expect(error.message).toContain("must not re-declare");
  });

  it("leaves no secret, plain or encoded, in the files of the store", async () => {
    const value = "canary/ünïque+secret-4711";
    await within(() => new Target({ token: value }).save("canary"));

    const bytes = Buffer.concat(readdirSync(blocks.home).map((name) => readFileSync(join(blocks.home, name)))).toString(
      "latin1",
    );
    for (const form of [
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      Buffer.from(value).toString("base64"),
    ]) {
      expect(bytes).not.toContain(Buffer.from(form).toString("latin1"));
    }
  });
});

describe("loading", () => {
  it("finds built-in classes by slug, loads them when needed, and forwards their methods", async () => {
    await within(async () => {
      await new StringBlock({ value: "hello" }).save("greeting");

      expect((await Block.load("string/greeting")).value).toBe("hello");
      const other = Block.load("string/greeting").with({ value: "bye" });
      expect((await other).value).toBe("bye");
    });
  });

  it("names what is missing", async () => {
    await within(async () => {
      expect(await rejected(Block.load("string/nowhere"))).toMatchObject({
        code: "block_not_found",
        message: expect.stringContaining("string/nowhere"),
      });
      expect(await rejected(Block.load("strin/x"))).toMatchObject({
        code: "unknown_block_type",
        hint: expect.stringContaining('"string"'),
      });
      expect((await rejected(Block.load("slack-webhook/nowhere").notify("x"))).code).toBe("block_not_found");
      expect((await rejected(StringBlock.load("Not A Name"))).code).toBe("invalid_block_name");
    });
  });

  it("suggests the reference when only the name was given and it fits one document", async () => {
    await within(async () => {
      await new StringBlock({ value: "x" }).save("only-one");

      expect((await rejected(Block.load("only-one"))).hint).toContain('Did you mean "string/only-one"?');
      expect((await rejected(Block.load("nothing-here"))).hint).not.toContain("Did you mean");
    });
  });

  it("shares one read among concurrent loads of a reference, and gives each its own instance", async () => {
    await using counted = await openTestBlocks();
    let reads = 0;
    const store = Object.assign(Object.create(counted.context.store), counted.context.store, {
      readDocument: (slug: string, name: string) => {
        reads += 1;
        return counted.context.store.readDocument(slug, name);
      },
    });
    await counted.within(() => new StringBlock({ value: "x" }).save("shared"));
    const { withBlockContext } = await import("../../src/block/ambient.ts");

    const loaded = await withBlockContext({ ...counted.context, store }, () =>
      Promise.all([1, 2, 3].map(() => StringBlock.load("shared"))),
    );

    expect(reads).toBe(1);
    expect(new Set(loaded).size).toBe(3);
  });

  it("does not join a read that began before a write of this process", async () => {
    await within(async () => {
      const block = new StringBlock({ value: "old" });
      await block.save("joined");
      const early = StringBlock.load("joined");
      await new StringBlock({ value: "new" }).save("joined", { overwrite: true });

      expect((await StringBlock.load("joined", { maxAge: 60_000 })).value).toBe("new");
      expect(["old", "new"]).toContain((await early).value);
    });
  });

  it("takes a copy within maxAge until this process writes", async () => {
    await using other = await openTestBlocks({ home: blocks.home });
    await within(async () => {
      await new StringBlock({ value: "one" }).save("aged");
      await StringBlock.load("aged", { maxAge: 60_000 });
      await other.within(() => new StringBlock({ value: "two" }).save("aged", { overwrite: true }));

      expect((await StringBlock.load("aged", { maxAge: 60_000 })).value).toBe("one");
      expect((await StringBlock.load("aged")).value).toBe("two");
    });
  });

  it("stops for an aborted signal", async () => {
    const signal = AbortSignal.abort(new Error("stop"));

    await expect(within(() => StringBlock.load("any", { signal }))).rejects.toThrow("stop");
  });

  it("rejects unhandled loads like any promise, and forwarded calls through the call", async () => {
    await within(async () => {
      const loading = Block.load("string/nowhere");

      expect((await rejected(loading.with({ value: "x" }))).code).toBe("block_not_found");
      expect((await rejected(loading)).code).toBe("block_not_found");
    });
  });

  it("loads by id and by both object forms", async () => {
    await within(async () => {
      const id = await new StringBlock({ value: "by id" }).save("by-id");

      for (const ref of [id, id.toUpperCase(), { block_document_id: id }, { block_document_slug: "string/by-id" }]) {
        expect((await StringBlock.loadFromRef(ref)).value).toBe("by id");
      }
      expect(await Block.loadFromRef(id)).toBeInstanceOf(StringBlock);
      expect((await rejected(Block.loadFromRef("string/by-id"))).code).toBe("invalid_block_reference");
      expect((await rejected(Block.loadFromRef("01900000-0000-7000-8000-000000000000"))).code).toBe("block_not_found");
    });
  });

  it("parses a document of another type structurally, with a warning", async () => {
    class Text extends Block.define({ slug: "store-text", schema: z.object({ value: z.string() }) }) {}
    await within(async () => {
      const id = await new StringBlock({ value: "fits" }).save("structural");

      const warnings = await warningsOf(async () => expect((await Text.loadFromRef(id)).value).toBe("fits"));

      expect(warnings).toEqual([expect.stringContaining("store-text")]);
      expect((await rejected(Login.loadFromRef(id))).code).toBe("block_validation_failed");
    });
  });
});

describe("a document saved by an older version of its class", () => {
  class Old extends Block.define({
    slug: "store-evolved",
    version: "1",
    schema: z.object({ gone: z.string(), token: secret(), level: z.string() }),
  }) {}
  class New extends Block.define({
    slug: "store-evolved",
    version: "2",
    schema: z.object({ level: z.int(), added: z.string(), extra: z.string().default("d"), token: secret() }),
  }) {}

  it("is refused with both versions and the fields, or loaded for repair", async () => {
    await within(async () => {
      await new Old({ gone: "x", token: "evolved-token", level: "high" }).save("doc");
      const overridden = await warningsOf(() => registerClass(New));
      expect(overridden).toEqual([expect.stringContaining('"store-evolved"')]);

      const error = await rejected(New.load("doc"));
      expect(error).toMatchObject({
        code: "block_validation_failed",
        hint: expect.stringContaining("version 1, the class has version 2"),
      });
      expect(error.message).toContain("added");

      let repaired: New | undefined;
      const warnings = await warningsOf(async () => {
        repaired = await New.load("doc", { validate: false });
      });
      expect(warnings).toEqual([expect.stringMatching(/Set and save: level, added/)]);
      expect(repaired).toMatchObject({ level: "high", added: null, extra: "d", revision: 1 });
      expect(repaired?.token.reveal()).toBe("evolved-token");
      expect(repaired).not.toHaveProperty("gone");

      expect((await rejected(repaired?.save({ overwrite: true }) ?? Promise.resolve())).code).toBe(
        "block_validation_failed",
      );
      Object.assign(repaired ?? {}, { level: 4, added: "now" });
      await repaired?.save({ overwrite: true });

      expect(await New.load("doc")).toMatchObject({ level: 4, added: "now", revision: 2 });
      expect((await inspectBlock(blocks.context, "store-evolved/doc")).schemaVersion).toBe("2");
    });
  });
});

describe("references", () => {
  const mailer = async (name: string): Promise<{ readonly shared: Login; readonly block: Mailer }> => {
    const shared = login();
    await shared.save(`shared-${name}`);
    const block = new Mailer({ login: shared, targets: [new Target({ token: "inline-token-1" }), shared] });
    await block.save(name);
    return { shared, block };
  };

  it("are stored for saved nested blocks and followed on load, at any depth", async () => {
    await within(async () => {
      const { shared } = await mailer("refs");
      const row = await blocks.context.store.readDocument("store-mailer", "refs");
      expect(row?.references.map(({ path }) => path)).toEqual(["/login", "/targets/1"]);

      await shared.with({ password: "rotated-password" }).save("shared-refs", { overwrite: true });
      const loaded = await Mailer.load("refs");

      expect(loaded.login.password.reveal()).toBe("rotated-password");
      expect(loaded.login).toMatchObject({ documentName: "shared-refs", documentId: shared.documentId });
      expect(loaded.targets[0]).toBeInstanceOf(Target);
      expect(loaded.targets[0]?.documentId).toBeNull();
      expect(loaded.targets[1]).toBeInstanceOf(Login);
      expect(await Mailer.load("refs").who()).toBe("eve");
    });
  });

  it("survive a copy and a second save", async () => {
    await within(async () => {
      await mailer("resaved");
      const copy = (await Mailer.load("resaved")).with({ note: "n" });
      await copy.save("resaved-copy");

      const row = await blocks.context.store.readDocument("store-mailer", "resaved-copy");
      expect(row?.references).toHaveLength(2);
    });
  });

  it("keep what they refer to from being deleted, unless forced", async () => {
    await within(async () => {
      await mailer("user");

      const error = await rejected(Login.delete("shared-user"));
      expect(error).toMatchObject({ code: "block_in_use", details: { usedBy: ["store-mailer/user"] } });

      const report = await deleteBlock(blocks.context, "store-login/shared-user", { force: true });
      expect(report.detachedFrom).toEqual(["store-mailer/user"]);
      expect(await Login.exists("shared-user")).toBe(false);
      expect((await rejected(Mailer.load("user"))).code).toBe("block_validation_failed");
      expect((await inspectBlock(blocks.context, "store-mailer/user")).status).toBe("ready");
    });
  });

  it("to nothing are refused", async () => {
    await within(async () => {
      const ghost = login();
      await ghost.save("ghost");
      await Login.delete("ghost");

      expect((await rejected(new Mailer({ login: ghost }).save("haunted"))).code).toBe("block_reference_missing");
    });
  });

  it("that lead back are refused", async () => {
    class Node extends Block.define({ slug: "store-node", schema: z.object({ next: z.unknown() }) }) {}
    await within(async () => {
      const first = new Node({ next: null });
      const id = await first.save("first");
      const second = new Node({ next: { $ref: { block_document_id: id } } });
      await second.save("second");

      first.next = { $ref: { block_document_id: second.documentId } };
      expect((await rejected(first.save("first", { overwrite: true }))).code).toBe("block_reference_cycle");
      first.next = { $ref: { block_document_id: id } };
      expect((await rejected(first.save("first", { overwrite: true }))).code).toBe("block_reference_cycle");
    });
  });
});

describe("listing and inspecting", () => {
  it("mask what the class calls secret, also when the stored schema was changed to say otherwise", async () => {
    await within(async () => {
      await login("schema-changed-password").save("schema-changed");
      const readSchemaById: BlockStore["readSchemaById"] = async (id) => {
        const schema = await blocks.context.store.readSchemaById(id);
        return schema === null ? null : { ...schema, fields: { ...schema.fields, secret_fields: [] } };
      };
      const context = { ...blocks.context, store: { ...blocks.context.store, readSchemaById } };

      const shown = [await inspectBlock(context, "store-login/schema-changed"), await listBlocks(context)];

      expect(shown[0]).toMatchObject({ status: "ready", data: { user: "eve", password: MASK } });
      expect(JSON.stringify(shown)).not.toContain("schema-changed-password");
    });
  });

  it("mask every secret, nested and referenced ones included", async () => {
    await within(async () => {
      const shared = login("inspected-password");
      await shared.save("inspected");
      const headers = { auth: "inspected-header" };
      await new Mailer({
        login: shared,
        targets: [new Target({ token: "inspected-token" })],
        headers,
        note: "plain",
      }).save("inspected");

      const inspected = await inspectBlock(blocks.context, "store-mailer/inspected");
      const listed = await Mailer.list({ nameLike: "inspected" });

      expect(inspected.data).toEqual({
        login: {
          user: "eve",
          password: MASK,
          block_type_slug: "store-login",
          _block_document_id: shared.documentId,
          _block_document_name: "inspected",
          _is_anonymous: false,
        },
        targets: [{ block_type_slug: "store-target", token: MASK }],
        headers: { auth: MASK },
        note: "plain",
      });
      expect(listed).toEqual([expect.objectContaining({ ref: "store-mailer/inspected", status: "ready" })]);
      expect(listed[0]?.data).toMatchObject({ login: { $ref: { block_document_id: shared.documentId } } });
      expect(JSON.stringify([inspected, listed])).not.toMatch(/inspected-(password|header|token)/);

      const clear = await inspectBlock(blocks.context, "store-mailer/inspected", { secrets: true });
      expect(clear.data).toMatchObject({ login: { password: "inspected-password" }, headers });
    });
  });

  it("sort by type and name and can be narrowed", async () => {
    await using fresh = await openTestBlocks();
    await fresh.within(async () => {
      await new StringBlock({ value: "b" }).save("b");
      await new StringBlock({ value: "a" }).save("a");
      await login().save("z");

      const refs = async (options?: Parameters<typeof Block.list>[0]) =>
        (await Block.list(options)).map(({ ref }) => ref);
      expect(await refs()).toEqual(["store-login/z", "string/a", "string/b"]);
      expect(await refs({ type: "string", limit: 1, offset: 1 })).toEqual(["string/b"]);
      expect(await refs({ capability: "notify" })).toEqual([]);
    });
  });

  it("stays whole when one document was tampered with", async () => {
    await using fresh = await openTestBlocks();
    await fresh.within(async () => {
      await new StringBlock({ value: "a" }).save("good");
      await new StringBlock({ value: "b" }).save("bad");
      const { store } = fresh.context;
      const [good, bad] = [await store.readDocument("string", "good"), await store.readDocument("string", "bad")];
      if (good === null || bad === null) throw new Error("not saved");
      await store.updateDocument({ ...bad, data: good.data, revision: 2 }, 1);

      const listed = await Block.list();
      expect(listed.map(({ name, status, data }) => ({ name, status, data }))).toEqual([
        { name: "bad", status: "tampered", data: {} },
        { name: "good", status: "ready", data: { value: "a" } },
      ]);
      expect((await rejected(StringBlock.load("bad"))).code).toBe("block_tampered");
      await new StringBlock({ value: "healed" }).save("bad", { overwrite: true });
      expect((await StringBlock.load("bad")).value).toBe("healed");
    });
  });
});

describe("a store whose key is not at hand", () => {
  it("lists, describes and deletes, and neither loads nor saves", async () => {
    await using owner = await openTestBlocks();
    await owner.within(() => new StringBlock({ value: "x" }).save("sealed"));
    const wrong = Buffer.alloc(32, "another-key").toString("base64");
    await using locked = await openTestBlocks({ home: owner.home, encryptionKey: wrong });

    await locked.within(async () => {
      expect(await Block.list()).toEqual([
        expect.objectContaining({ ref: "string/sealed", status: "sealed", data: {} }),
      ]);
      expect(await inspectBlock(locked.context, "string/sealed")).toMatchObject({ status: "sealed", data: {} });
      const failures = [
        inspectBlock(locked.context, "string/sealed", { secrets: true }),
        StringBlock.load("sealed"),
        new StringBlock({ value: "y" }).save("other"),
        new StringBlock({ value: "y" }).save("sealed", { overwrite: true }),
      ];
      for (const failure of failures) {
        const error = await rejected(failure);
        expect(error).toMatchObject({
          code: "encryption_key_unavailable",
          status: 503,
          hint: expect.stringContaining("BELLHOP_ENCRYPTION_KEY"),
        });
      }
      await Block.delete("string/sealed");
      expect(await Block.exists("string/sealed")).toBe(false);
    });
  });
});

it("registers a type once, nested ones first, and again only when something changed", async () => {
  await using fresh = await openTestBlocks();
  await fresh.within(async () => {
    await Promise.all([Mailer.register(), Mailer.register()]);
    await Mailer.register();

    const types = await fresh.context.store.listTypes();
    expect(types.map(({ slug }) => slug).toSorted()).toEqual(["store-login", "store-mailer", "store-target"]);
  });
});

it("gives other capabilities under the same version a schema of their own", async () => {
  class Plain extends Block.define({ slug: "store-capable", schema: z.object({ v: z.string() }) }) {}
  const Capable = class Plain extends Block.define({
    slug: "store-capable",
    schema: z.object({ v: z.string() }),
    capabilities: ["read-path"],
  }) {};
  await within(async () => {
    await new Plain({ v: "x" }).save("a");
    await warningsOf(() => new Capable({ v: "x" }).save("b"));

    expect(await inspectBlock(blocks.context, "store-capable/a")).toMatchObject({
      schemaVersion: "non-versioned",
      capabilities: [],
    });
    expect(await inspectBlock(blocks.context, "store-capable/b")).toMatchObject({
      schemaVersion: "non-versioned+1",
      capabilities: ["read-path"],
    });
  });
});

it("refuses a class that declares notify and cannot", async () => {
  class Mute extends Block.define({ slug: "store-mute", schema: z.object({}), capabilities: ["notify"] }) {}

  expect((await rejected(within(() => Mute.register()))).message).toContain("no method notify()");
});
