/** Tokens of a backend's, for a service that wants them. */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

const ISSUER = "backend";
const AUDIENCE = "calls";

/** Who signs tokens, and what the service has to be told of it. */
export class Issuer {
  readonly options: string[];
  readonly #key: KeyObject;

  constructor(t: TestContext) {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const directory = mkdtempSync(join(tmpdir(), "signaling-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = join(directory, "keys.pem");
    writeFileSync(file, publicKey.export({ type: "spki", format: "pem" }));
    this.#key = privateKey;
    const expected = ["--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];
    this.options = ["--auth", "jwt", "--jwt-keys", file, ...expected];
  }

  /** A token of a user's device; it expires so many seconds from now. */
  token(userId: string, deviceId: string, seconds = 3600): string {
    const now = Math.floor(Date.now() / 1000);
    const whose = { iss: ISSUER, aud: AUDIENCE, sub: userId, device_id: deviceId };
    const claims = { ...whose, iat: now - 3600, exp: now + seconds };
    const signed = `${encoded({ alg: "EdDSA", typ: "JWT" })}.${encoded(claims)}`;
    return `${signed}.${sign(null, Buffer.from(signed), this.#key).toString("base64url")}`;
  }
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
