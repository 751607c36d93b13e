import { newId } from "../base/ids.ts";
import type { LockManager } from "../results/lock-manager.ts";
import type { CommitMode } from "./transaction.ts";

/** A transaction as a user of locks. */
export interface LockUser {
  readonly commitMode: CommitMode;
  /** True when `other` is one of the transactions around this one. */
  isInside(other: LockUser): boolean;
}

/** One user waits until the other has ended. */
interface Wait {
  readonly user: LockUser;
  readonly on: LockUser;
}

interface Held {
  readonly locks: LockManager;
  readonly key: string;
  readonly users: Set<LockUser>;
  readonly taken: Promise<void>;
  /** Called when a user leaves. */
  waiting: (() => void)[];
  /** Set while the lock is given back. */
  leaving: Promise<void> | null;
}

/**
 * The locks of an outermost transaction and all inside it. They are one holder: most of them commit only when the
 * outermost one does, so one that waited for another's lock would wait for itself.
 */
export class TreeLocks {
  /** Made with the first lock: most trees take none. */
  #holder: string | undefined;
  readonly #held: Held[] = [];
  readonly #waits: Wait[] = [];

  holds(locks: LockManager, key: string): boolean {
    return this.#find(locks, key) !== undefined;
  }

  /** Waits for other holders, and inside the tree for those that commit on their own. @throws lock_timeout */
  async take(locks: LockManager, key: string, user: LockUser, signal?: AbortSignal): Promise<void> {
    for (let held = this.#find(locks, key); held !== undefined; held = this.#find(locks, key)) {
      const on = held.leaving === null ? this.#inTheWay(held, user) : undefined;
      if (held.leaving !== null) await held.leaving;
      else if (on !== undefined) await this.#wait(held, { user, on });
      else {
        held.users.add(user);
        return held.taken;
      }
    }
    this.#holder ??= newId();
    const taken = locks.acquire(key, this.#holder, signal === undefined ? {} : { signal });
    const held: Held = { locks, key, users: new Set([user]), taken, waiting: [], leaving: null };
    this.#held.push(held);
    try {
      await taken;
    } catch (error) {
      this.#forget(held);
      throw error;
    }
  }

  /** The lock is given back when its last user in the tree leaves. */
  async drop(locks: LockManager, key: string, user: LockUser): Promise<void> {
    const held = this.#find(locks, key);
    if (this.#holder === undefined || held?.users.delete(user) !== true) return;
    if (held.users.size === 0) {
      // Others find the lock until it is free: taking it now would be undone by this release.
      const released = locks.release(key, this.#holder);
      const forget = (): void => this.#forget(held);
      held.leaving = released.then(forget, forget);
      await released;
    } else wake(held);
  }

  /** One that commits on its own, unless it cannot end before this one has. */
  #inTheWay(held: Held, user: LockUser): LockUser | undefined {
    const on = [...held.users].find((other) => other.commitMode === "EAGER" && !user.isInside(other));
    return on === undefined || this.#waitsFor(on, user) ? undefined : on;
  }

  /** True when something in the block of `other` waits until a block has ended that this user is in. */
  #waitsFor(other: LockUser, user: LockUser): boolean {
    return this.#waits.some(
      (wait) => wait.user.isInside(other) && (user.isInside(wait.on) || this.#waitsFor(wait.on, user)),
    );
  }

  async #wait(held: Held, wait: Wait): Promise<void> {
    this.#waits.push(wait);
    await new Promise<void>((resolve) => held.waiting.push(resolve));
    this.#waits.splice(this.#waits.indexOf(wait), 1);
  }

  #find(locks: LockManager, key: string): Held | undefined {
    return this.#held.find((held) => held.key === key && held.locks === locks);
  }

  #forget(held: Held): void {
    const index = this.#held.indexOf(held);
    if (index >= 0) this.#held.splice(index, 1);
    wake(held);
  }
}

function wake(held: Held): void {
  const { waiting } = held;
  held.waiting = [];
  for (const resolve of waiting) resolve();
}
