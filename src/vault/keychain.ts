import { type Clock, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { KeychainUnavailableError } from "../block/errors.ts";

/** The keychain of the system. Both calls fail with `keychain_unavailable`, which never means "no such entry". */
export interface Keychain {
  /** The password of the account; null when there is none. */
  get(account: string): Promise<string | null>;
  /** Stores it and reads it back. */
  set(account: string, password: string): Promise<void>;
}

const SERVICE = "bellhop";

/** A locked keychain may wait for a person; a program does not. */
const TIMEOUT_MS = 5_000;

/** One entry of a keychain, as the keytar package has it. */
interface Entry {
  getPassword(): Promise<string | null>;
  setPassword(password: string): Promise<void>;
}

async function systemEntry(account: string): Promise<Entry> {
  const { AsyncEntry } = await import("keytar");
  // Unpinned, the library falls back to the kernel's keyring, which is in memory only: the key would be lost at the
  // next boot, and with it every saved block. Pinned, it fails at once where there is no Secret Service.
  return process.platform === "linux"
    ? new AsyncEntry(SERVICE, account, { linux: { store: "secret-service" } })
    : new AsyncEntry(SERVICE, account);
}

/** The keychain through the keytar package; nothing is loaded or contacted before the first call. */
export function systemKeychain(
  clock: Clock = systemClock,
  entryOf: (account: string) => Promise<Entry> = systemEntry,
): Keychain {
  const guarded = async <T>(call: (entry: Entry) => Promise<T>, account: string): Promise<T> => {
    const late = Promise.withResolvers<never>();
    using _timer = clock.timer(
      TIMEOUT_MS,
      () => late.reject(new Error(`no answer in ${TIMEOUT_MS / 1_000} s, it may be locked`)),
      {
        keepAlive: false,
      },
    );
    try {
      return await Promise.race([entryOf(account).then(call), late.promise]);
    } catch (error) {
      // The library's errors name the service that failed, not the value; the first line is what people need.
      throw new KeychainUnavailableError({ problem: messageOf(error).split("\n", 1)[0] ?? "unknown error" });
    }
  };
  const get = (account: string) => guarded((entry) => entry.getPassword(), account);
  return {
    get,
    set: async (account, password) => {
      await guarded((entry) => entry.setPassword(password), account);
      if ((await get(account)) !== password)
        throw new KeychainUnavailableError({ problem: "it did not keep the value" });
    },
  };
}
