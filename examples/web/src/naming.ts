/** Names that a person can read. */

const SHORT = 8;
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/u;

/** A device as it is shown: the ids of tabs are too long, and their beginning is enough. */
export function deviceName(id: string): string {
  return UUID.test(id) ? `tab ${id.slice(0, SHORT)}` : id;
}
