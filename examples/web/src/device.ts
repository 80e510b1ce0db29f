/** This tab as a device of a user: its connection to the service, and one call at a time. */
import {
  EndReason,
  RejectReason,
  SignalingClient,
  type Call,
  type ClientError,
  type Memory,
} from "signaling-client";

import { Bell } from "./bell.js";
import { elements } from "./elements.js";
import { howItEnded } from "./endings.js";
import type { Ladder } from "./ladder.js";
import { openMedia, type OwnMedia } from "./media.js";
import { Outage } from "./outage.js";
import type { Stage } from "./stage.js";
import { Talk, type Room } from "./talk.js";
import { tell } from "./telling.js";

const OUTAGE = 10; // s, well within the two minutes that a session waits

/** Who somebody is, and what they show. */
export interface Identity {
  readonly userId: string;
  readonly deviceId: string;
  readonly isDrawn: boolean;
  readonly memory: Memory;
}

/** Where it is, and whether it takes names at their word. */
export interface Service {
  readonly url: string;
  readonly takesTokens?: boolean;
}

export class Device {
  readonly #client: SignalingClient;
  readonly #outage = new Outage();
  readonly #bell = new Bell((call) => this.#take(call));
  readonly #room: Room;
  #isDown = false; // by the button
  #talk: Talk | undefined;

  constructor(
    { url, takesTokens }: Service,
    private readonly identity: Identity,
    private readonly ladder: Ladder,
    stage: Stage,
  ) {
    const { userId, deviceId, memory } = identity;
    this.#client = new SignalingClient({
      url,
      memory,
      agent: "demo page",
      credentials: async () => {
        await this.#outage.over;
        return takesTokens ? tokenFor(userId, deviceId) : { userId, deviceId };
      },
    });
    this.#room = {
      me: userId,
      stage,
      ladder,
      say,
      ended: (talk) => this.#ended(talk),
    };
    this.#listen();
  }

  /** Resolves when it is connected; rejects when the service will not have it. */
  connect(): Promise<void> {
    return this.#client.connect();
  }

  /** Signs out. */
  close(): Promise<void> {
    return this.#client.close();
  }

  /** Rings somebody. */
  call(userId: string): void {
    if (this.#talk !== undefined) return;
    say(`Calling ${userId} …`);
    this.#begin(this.#client.call({ userId }), userId);
  }

  /** Cuts this tab off the service for a while. */
  drop(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#outage.begin(OUTAGE, (left) => this.#tick(left));
    this.#client.interrupt();
  }

  #tick(left: number): void {
    elements.dropLabel.textContent =
      left > 0 ? `Back in ${left} s` : `Drop the network for ${OUTAGE} s`;
    elements.drop.ariaDisabled = String(left > 0);
    this.#isDown = left > 0;
  }

  #begin(call: Call, them: string): void {
    this.ladder.name("peer", them);
    const talk = new Talk(call, them, this.#room);
    this.#talk = talk;
    talk.begin(this.#openMedia()).catch((error: unknown) => {
      say(`The call cannot begin: ${String(error)}`);
      call.hangup();
    });
  }

  #openMedia(): Promise<OwnMedia> {
    return openMedia(this.identity.userId, this.identity.isDrawn);
  }

  #take(call: Call): void {
    this.#talk?.call.hangup(); // one's own call to the same person
    say("You have answered. Connecting …");
    this.#begin(call, nameOf(call));
  }

  #ended(talk: Talk): void {
    if (this.#talk === talk) this.#talk = undefined;
    const { end } = talk.call;
    if (end?.reason !== EndReason.REPLACED) return;
    // both have called each other: the other call lives, and both people want it
    const other = this.#client.calls.get(end.replacedBy ?? "");
    if (other === undefined) return;
    this.#bell.stop(other);
    this.#take(other);
  }

  #listen(): void {
    const client = this.#client;
    client.on("wire", (message) => {
      if (message.payload.case === "offer" && !client.calls.get(message.callId)?.isEstablished) {
        this.ladder.begin(`a call, ${new Date().toLocaleTimeString()}`);
      }
      const arrow = tell(message);
      if (arrow) this.ladder.draw(arrow);
    });
    client.on("incoming", (call) => this.#ring(call));
    client.on("missed", (call) => {
      if (call.end) say(howItEnded(call, call.end, nameOf(call), this.identity.userId));
    });
    client.on("restored", (call) => {
      say("Back in the call. Connecting …");
      this.#begin(call, nameOf(call));
    });
    client.on("connected", ({ resumed }) => {
      connection("Connected", "good");
      if (!resumed && this.#talk === undefined) say("Ready. Ring somebody, or wait to be rung.");
    });
    client.on("disconnected", () => this.#lost());
    client.on("closed", (error) => connection(closing(error), error ? "bad" : "quiet"));
  }

  #ring(call: Call): void {
    const them = nameOf(call);
    const isCallingThem = this.#talk?.them === them && !this.#talk.call.isEstablished;
    if (this.#bell.call !== undefined || (this.#talk !== undefined && !isCallingThem)) {
      call.reject(RejectReason.BUSY);
      return;
    }
    this.ladder.name("peer", them);
    say(`${them} is calling.`);
    call.once("ended", (end) => {
      // while it rang: a call that was taken tells of its end itself
      if (this.#talk?.call !== call) say(howItEnded(call, end, them, this.identity.userId));
    });
    this.#bell.ring(call, them);
  }

  #lost(): void {
    connection("Offline", "bad");
    this.ladder.draw({
      from: "me",
      to: "service",
      text: "✗ no connection ✗",
      tone: "bad",
      shaft: "cut",
    });
  }
}

function nameOf(call: Call): string {
  return call.peer?.userId ?? "somebody";
}

function say(status: string): void {
  elements.status.textContent = status;
}

function connection(text: string, tone: "good" | "quiet" | "bad"): void {
  elements.connection.textContent = text;
  elements.connection.dataset["tone"] = tone;
}

function closing(error: ClientError | undefined): string {
  return error === undefined ? "Signed out" : `Turned away: ${error.message}`;
}

/** A token from whoever serves this page; an app asks its own backend. */
async function tokenFor(user: string, device: string): Promise<{ token: string }> {
  const response = await fetch(`token.json?${new URLSearchParams({ user, device })}`);
  return (await response.json()) as { token: string };
}
