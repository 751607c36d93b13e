/** Who may work under a key. */
export interface LockManager {
  /** Waits until the lock is free and takes it. Taking a lock that the holder has already is fine. @throws lock_timeout */
  acquire(
    key: string,
    holder: string,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<void>;
  /** Does nothing when somebody else holds it. */
  release(key: string, holder: string): Promise<void>;
  /** Waits until nobody holds the lock. @throws lock_timeout */
  waitFor(key: string, options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void>;
  isHolder(key: string, holder: string): Promise<boolean>;
}
