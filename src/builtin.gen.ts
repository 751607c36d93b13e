// Made by scripts/gen-builtin.ts from the folder blocks/. Do not edit: run "npm run gen".
import type { BuiltinBlock } from "./block/registry.ts";

/** The block types that come with the package, by slug; each is loaded when it is first used. */
export const BUILTIN_BLOCKS = {
  "custom-webhook": {
    load: async () => (await import("../blocks/custom-webhook.ts")).CustomWebhook,
    methods: ["notify", "with", "save"],
  },
  "date-time": {
    load: async () => (await import("../blocks/date-time.ts")).DateTimeBlock,
    methods: ["with", "save"],
  },
  "email-server-credentials": {
    load: async () => (await import("../blocks/email-server-credentials.ts")).EmailServerCredentials,
    methods: ["smtpServer", "with", "save"],
  },
  "email-smtp": {
    load: async () => (await import("../blocks/email-smtp.ts")).EmailSmtp,
    methods: ["notify", "with", "save"],
  },
  "inbox": {
    load: async () => (await import("../blocks/inbox.ts")).Inbox,
    methods: ["notify", "with", "save"],
  },
  "json": {
    load: async () => (await import("../blocks/json.ts")).JsonBlock,
    methods: ["with", "save"],
  },
  "secret": {
    load: async () => (await import("../blocks/secret.ts")).SecretBlock,
    methods: ["get", "with", "save"],
  },
  "slack-webhook": {
    load: async () => (await import("../blocks/slack-webhook.ts")).SlackWebhook,
    methods: ["notify", "with", "save"],
  },
  "string": {
    load: async () => (await import("../blocks/string.ts")).StringBlock,
    methods: ["with", "save"],
  },
} satisfies Readonly<Record<string, BuiltinBlock>>;

/** Naming the classes in a type keeps their entries in `BlockTypes` part of every program that uses the package. */
export type BuiltinBlocks = typeof BUILTIN_BLOCKS;
