/** One device id for each tab, also when a tab is loaded again or copied. */
import { StoredMemory, type Memory } from "./memory.js";
import { uuid } from "./uuid.js";

const DEVICE = "signaling.device";
const SESSION = "signaling.session";
const LOCK = "signaling.device."; // with the device id
const LOCK_TIMEOUT = 1000; // ms; a page that is loaded again may find its own lock still held

/** A tab as a device. */
export interface Tab {
  /** Good for this tab alone, and the same when it is loaded again. */
  readonly deviceId: string;
  /** For `ClientOptions.memory`. */
  readonly memory: Memory;
  /** The browser had copied another tab, storage and all: this one is a device of its own. */
  readonly isCopy: boolean;
}

/** The parts of a browser that it takes. */
export interface TabResources {
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly locks: Pick<LockManager, "request"> | undefined;
  readonly lockTimeout?: number;
}

/**
 * Says which device this tab is. A copied tab has a copy of `sessionStorage`, and with it the
 * device and session of the first: a lock that each tab holds for life tells them apart. Without
 * locks, where a page is not served securely, every load is a device of its own.
 */
export async function claimTab(resources: Partial<TabResources> = {}): Promise<Tab> {
  const { storage = sessionStorage, lockTimeout = LOCK_TIMEOUT } = resources;
  const locks = "locks" in resources ? resources.locks : navigator.locks;
  const known = storage.getItem(DEVICE);
  if (known !== null && locks && (await claim(locks, known, lockTimeout))) {
    return tab(storage, known, false);
  }
  const deviceId = uuid();
  storage.setItem(DEVICE, deviceId);
  storage.removeItem(SESSION);
  if (locks) await claim(locks, deviceId, lockTimeout);
  return tab(storage, deviceId, known !== null && locks !== undefined);
}

function tab(storage: TabResources["storage"], deviceId: string, isCopy: boolean): Tab {
  return { deviceId, memory: new StoredMemory(storage, SESSION), isCopy };
}

/** Holds the lock of a device for as long as the tab lives; returns whether it could. */
function claim(
  locks: Pick<LockManager, "request">,
  deviceId: string,
  timeout: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const hold = (): Promise<never> => {
      resolve(true);
      return new Promise(() => {}); // until the tab is gone
    };
    const signal = AbortSignal.timeout(timeout);
    locks.request(LOCK + deviceId, { signal }, hold).catch(() => resolve(false));
  });
}
