import { connect, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { BellhopError } from "../base/errors.ts";
import { checkLiteral, guardedLookup, type Resolver } from "./address-guard.ts";

export interface SocketTarget {
  readonly host: string;
  readonly port: number;
  readonly allowPrivate: boolean;
  readonly timeoutMs: number;
}

/** Opens a TCP connection under the same address rules as HTTP. TLS, where wanted, is added by the mail library. */
export function openGuardedSocket(
  { host, port, allowPrivate, timeoutMs }: SocketTarget,
  { clock, resolve }: { readonly clock: Clock; readonly resolve: Resolver },
): Promise<Socket> {
  return new Promise((settle, reject) => {
    if (!allowPrivate) checkLiteral(host);
    const socket = connect({ host, port, lookup: guardedLookup(resolve, allowPrivate), noDelay: true });
    const fail = (error: Error) => {
      deadline[Symbol.dispose]();
      socket.destroy();
      reject(error);
    };
    const deadline = clock.timer(timeoutMs, () => fail(new BellhopError("connect_timeout", { host, timeoutMs })));
    socket.once("error", fail);
    socket.once("connect", () => {
      deadline[Symbol.dispose]();
      socket.removeListener("error", fail);
      // Until the mail library listens itself, a reset would end the process as an unhandled error.
      socket.on("error", () => undefined);
      settle(socket);
    });
  });
}
