import { expectTypeOf, it } from "vitest";
import { EmailServerCredentials } from "../../blocks/email-server-credentials.ts";
import type { SecretBlock } from "../../blocks/secret.ts";
import { SlackWebhook } from "../../blocks/slack-webhook.ts";
import type { BlockOf, Notifier } from "../../src/block/block.ts";
import type { BlockPromise } from "../../src/block/block-promise.ts";
import type { BlockRef } from "../../src/block/reference.ts";
import type { Receipt } from "../../src/block/receipt.ts";
import { Block, type JsonValue, type SecretValue, blockField, secret, secretDict, z } from "../../src/sdk.ts";
import type { BuiltinBlocks } from "../../src/builtin.gen.ts";

class Lamp extends Block.define({
  slug: "typed-lamp",
  schema: z.object({
    token: secret(),
    headers: secretDict().optional(),
    brightness: z.int().default(3),
    mail: blockField(() => EmailServerCredentials).optional(),
  }),
}) {
  glow(seconds: number): number {
    return seconds * this.brightness;
  }
}

// As a user's own type does it, under the package's name.
declare module "../../src/index.ts" {
  interface BlockTypes {
    "typed-lamp": Lamp;
  }
}

/** Checked by the compiler; never called. */
function typed(ref: string): void {
  expectTypeOf(Block.load("slack-webhook/ops")).resolves.toEqualTypeOf<SlackWebhook>();
  expectTypeOf(Block.load("slack-webhook/ops").notify).returns.resolves.toEqualTypeOf<Receipt>();
  expectTypeOf(Block.load("secret/x")).resolves.toEqualTypeOf<SecretBlock>();
  expectTypeOf(Block.load("secret/x").get).returns.resolves.toEqualTypeOf<JsonValue>();
  expectTypeOf(Block.load(ref)).resolves.toEqualTypeOf<Block & Notifier>();
  expectTypeOf(Block.load("no-such-type/x")).resolves.toEqualTypeOf<Block & Notifier>();
  expectTypeOf(Block.load(ref).notify("hi")).resolves.toEqualTypeOf<Receipt>();
  expectTypeOf(Block.load("typed-lamp/desk")).resolves.toEqualTypeOf<Lamp>();
  expectTypeOf(SlackWebhook.load("ops")).resolves.toEqualTypeOf<SlackWebhook>();
  expectTypeOf(Lamp.load("desk")).toEqualTypeOf<BlockPromise<Lamp>>();
  expectTypeOf(Lamp.load("desk").glow).toEqualTypeOf<(seconds: number) => Promise<number>>();
  expectTypeOf(Lamp.loadFromRef("01900000-0000-7000-8000-000000000000")).resolves.toEqualTypeOf<Lamp>();
}

it("types a loaded block from the literal reference, with no cast", () => {
  expectTypeOf(typed).toBeFunction();
  expectTypeOf<BlockOf<"slack-webhook/ops">>().toEqualTypeOf<SlackWebhook>();
  expectTypeOf<BlockOf<"elsewhere/ops">>().toEqualTypeOf<Block & Notifier>();
  expectTypeOf<"slack-webhook/ops">().toExtend<BlockRef>();
  expectTypeOf<keyof BuiltinBlocks>().toExtend<BlockRef extends `${infer Slug}/${string}` ? Slug : never>();
});

it("gives the fields of the schema to the instance", () => {
  expectTypeOf<Lamp["token"]>().toEqualTypeOf<SecretValue>();
  expectTypeOf<Lamp["brightness"]>().toEqualTypeOf<number>();
  expectTypeOf<Lamp["mail"]>().toEqualTypeOf<EmailServerCredentials | undefined>();
  expectTypeOf<Lamp["documentId"]>().toEqualTypeOf<string | null>();
});

it("takes plain values and secrets in the constructor, and nothing else", () => {
  expectTypeOf<{ token: string }>().toExtend<ConstructorParameters<typeof Lamp>[0]>();
  expectTypeOf<{ token: SecretValue; brightness: number }>().toExtend<ConstructorParameters<typeof Lamp>[0]>();
  expectTypeOf<{ token: number }>().not.toExtend<ConstructorParameters<typeof Lamp>[0]>();
  expectTypeOf<{ brightness: number }>().not.toExtend<ConstructorParameters<typeof Lamp>[0]>();
  // Every field has a default, so no argument is needed.
  expectTypeOf<[]>().toExtend<ConstructorParameters<typeof EmailServerCredentials>>();
  expectTypeOf<Parameters<Lamp["with"]>[0]>().toEqualTypeOf<
    Partial<NonNullable<ConstructorParameters<typeof Lamp>[0]>>
  >();
});

it("forwards methods to the promise, and neither fields nor the promise's own names", () => {
  expectTypeOf<BlockPromise<Lamp>>().toHaveProperty("glow");
  expectTypeOf<BlockPromise<Lamp>>().not.toHaveProperty("brightness");
  expectTypeOf<BlockPromise<Lamp>>().not.toHaveProperty("toJSON");
  expectTypeOf<BlockPromise<Lamp>["then"]>().toEqualTypeOf<Promise<Lamp>["then"]>();
});
