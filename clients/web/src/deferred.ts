import type { ClientError } from "./errors.js";

/** A promise, and what settles it. Nobody has to wait for it: a rejection is no uncaught one. */
export function deferred() {
  let resolve = (): void => {};
  let reject = (_error: ClientError): void => {};
  const promise = new Promise<void>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
