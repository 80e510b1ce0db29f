/**
 * What every scenario needs: deadlines, findings as JSON lines on stdout, and
 * an exit code that is not 0 when anything at all went wrong.
 *
 * @module scenario
 */
import { parseArgs } from "node:util";

/**
 * A promise with its two handles outside.
 *
 * @template T
 * @returns {{promise: Promise<T>, resolve: (value?: T) => void, reject: (reason: Error) => void}}
 */
export function deferred() {
  const handles = {};
  handles.promise = new Promise((resolve, reject) => {
    Object.assign(handles, { resolve, reject });
  });
  return handles;
}

/**
 * Waits for a promise, but not for ever.
 *
 * @template T
 * @param {number} milliseconds
 * @param {string} what named by the error when the deadline passes
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function within(milliseconds, what, promise) {
  let timer;
  const deadline = new Promise((_, reject) => {
    const late = () => reject(new Error(`${what}: not within ${milliseconds} ms`));
    timer = setTimeout(late, milliseconds);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

const POLL_MS = 20;

/**
 * Asks again and again until the answer is there: for what has no event.
 *
 * @template T
 * @param {number} milliseconds
 * @param {string} what named by the error when the deadline passes
 * @param {() => Promise<T | undefined>} ask undefined: not yet
 * @returns {Promise<T>}
 */
export async function poll(milliseconds, what, ask) {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    ensure(performance.now() < deadline, `${what}: not within ${milliseconds} ms`);
    const tick = deferred();
    setTimeout(tick.resolve, POLL_MS);
    await tick.promise;
  }
}

/**
 * Throws unless a claim holds.
 *
 * @param {boolean} claim
 * @param {string} message
 */
export function ensure(claim, message) {
  if (!claim) throw new Error(message);
}

/**
 * Prints one finding as a JSON line.
 *
 * @param {string} event
 * @param {object} [fields]
 */
export function report(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/**
 * Runs a scenario and ends the process: 0 when it returned, 1 when it threw or
 * anything it left running did.
 *
 * The process is ended by hand in any case: libwebrtc's threads crash when V8
 * is torn down under them.
 *
 * @param {(options: {address: string, rounds: number, user?: string, device?: string,
 *   keepaliveMs?: number}) => Promise<void>} scenario
 */
export async function run(scenario) {
  const fail = (error) => {
    report("failed", { reason: error.stack ?? String(error) });
    process.exit(1);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  const { values } = parseArgs({
    options: {
      address: { type: "string" },
      rounds: { type: "string", default: "1" },
      user: { type: "string" },
      device: { type: "string" },
      keepalive: { type: "string", default: "10" }, // s
    },
  });
  try {
    ensure(values.address !== undefined, "--address is missing");
    const keepaliveMs = Number(values.keepalive) * 1_000;
    await scenario({ ...values, rounds: Number(values.rounds), keepaliveMs });
  } catch (error) {
    fail(error);
  }
  process.exit(0);
}
