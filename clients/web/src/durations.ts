/** The wire's durations, in the milliseconds of browsers. */
import { durationFromMs, durationMs, type Duration } from "@bufbuild/protobuf/wkt";

/** How many ms; 0 where there is none. */
export function milliseconds(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}

/** So many ms, for the wire. */
export const duration = durationFromMs;
