import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { type BlockContext, type DirectSend, withBlockContext } from "../../src/block/ambient.ts";
import type { Vault } from "../../src/block/vault.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import type { SendRequest, Transport } from "../../src/channel/transport.ts";
import { type SqliteStore, openSqliteStore } from "../../src/store/sqlite/open.ts";
import { openVault } from "../../src/vault/choose.ts";

/** A send as the transport was asked for it, with what the block's `build` made of it. */
export interface Sent {
  readonly request: SendRequest<unknown>;
  readonly plan: unknown;
}

export interface TestBlocks extends AsyncDisposable {
  readonly context: BlockContext;
  readonly store: SqliteStore;
  readonly home: string;
  readonly sent: Sent[];
  readonly journal: DirectSend[];
  /** What the next sends come to; default delivered. */
  outcome: Outcome;
  /** Runs `fn` with these blocks as the current ones. */
  readonly within: <T>(fn: () => T) => T;
}

/** 32 bytes 00 to 1f. */
export const TEST_KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64");

export interface TestBlocksOptions {
  readonly encryptionKey?: string | null;
  readonly env?: Readonly<Record<string, string>>;
  /** An existing home, e.g. of blocks that were closed; it is kept. */
  readonly home?: string;
}

/** Blocks on a real store in a new home, with a transport that keeps what it is given instead of sending it. */
export async function openTestBlocks(options: TestBlocksOptions = {}): Promise<TestBlocks> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), "bellhop-blocks-"));
  const path = join(home, "bellhop.db");
  const store = await openSqliteStore({
    path,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    durability: "normal",
  });
  const { encryptionKey = TEST_KEY } = options;
  const config = { home, encryptionKey, keychain: "off", allowInsecureKeyFile: false, ci: false } as const;
  const vault: Vault = openVault({ config, blocks: store.blocks, log: silentLogger });
  const sent: Sent[] = [];
  const journal: DirectSend[] = [];
  const transport: Transport = {
    send: (request) => {
      const { channel, config: values, message } = request;
      // The values differ by channel; tests look at them as data.
      sent.push({
        request: request as unknown as SendRequest<unknown>,
        plan: channel.build({ config: values, message }),
      });
      return Promise.resolve({ outcome: blocks.outcome, durationMs: 7, status: 200 });
    },
    plan: ({ channel, config: values, message }) => channel.build({ config: values, message }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const context: BlockContext = {
    store: store.blocks,
    vault,
    transport,
    clock: systemClock,
    journal: (send) => void journal.push(send),
    env: (variable) => options.env?.[variable],
  };
  const blocks: TestBlocks = {
    context,
    store,
    home,
    sent,
    journal,
    outcome: { kind: "delivered", providerId: "p-1" },
    within: (fn) => withBlockContext(context, fn),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      if (options.home === undefined) rmSync(home, { recursive: true, force: true });
    },
  };
  return blocks;
}
