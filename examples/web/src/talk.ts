/** One call of this tab: its media connection, and what a person is told of it. */
import { CallRole, PeerCall, type Call, type CallEnd } from "signaling-client";

import { howItEnded } from "./endings.js";
import type { Ladder } from "./ladder.js";
import { closeMedia, type OwnMedia } from "./media.js";
import { deviceName } from "./naming.js";
import type { Stage } from "./stage.js";

/** Where it takes place. */
export interface Room {
  readonly me: string;
  readonly stage: Stage;
  readonly ladder: Ladder;
  say(status: string): void;
  /** It is over; `call.end` says how. */
  ended(talk: Talk): void;
}

export class Talk {
  #peer: PeerCall | undefined;
  #media: OwnMedia | undefined;
  #isFlowing = false;

  /** `media` is asked for when it is needed, and given back at the end. */
  constructor(
    readonly call: Call,
    readonly them: string,
    private readonly room: Room,
  ) {
    this.#listen();
  }

  /** Calls, answers, or after a reload begins anew, whichever it is. */
  async begin(media: Promise<OwnMedia>): Promise<void> {
    const opened = await media;
    if (this.call.end !== undefined) {
      closeMedia(opened);
      return;
    }
    this.#media = opened;
    this.room.stage.open(this.them, opened, {
      hangUp: () => this.call.hangup(),
      fail: () => this.#fail(),
    });
    await this.#connect(opened).start();
  }

  #connect(media: OwnMedia): PeerCall {
    const peer = new PeerCall(this.call, { stream: media.stream });
    this.#peer = peer;
    let remote = new MediaStream();
    peer.on("connection", () => {
      remote = new MediaStream();
      this.#isFlowing = false; // nothing flows over a new one yet
    });
    peer.on("track", ({ track }) => {
      remote.addTrack(track);
      this.room.stage.show(remote);
    });
    peer.on("state", (state) => this.#flow(state));
    peer.on("error", (error) => this.room.say(`The media connection fails: ${error}`));
    return peer;
  }

  /** Throws the media connection away, as an app does whose WebRTC has broken down. */
  #fail(): void {
    const media = this.#media;
    if (media === undefined) return;
    this.#peer?.close();
    this.#flow("failed");
    if (this.call.role === CallRole.CALLER) this.#askForAdvice(media);
    else this.#beginAnew(media); // a callee would be advised to wait, and has nothing to wait with
  }

  /** The service advises the caller to offer, and tells the other side to expect that. */
  #askForAdvice(media: OwnMedia): void {
    this.call.once("reconnect", () => {
      // in a turn of its own: the advice was for the old connection, the new one offers anyway
      setTimeout(() => this.#beginAnew(media));
    });
    this.call.report("failed");
  }

  #beginAnew(media: OwnMedia): void {
    this.#connect(media)
      .start()
      .catch((error: unknown) => this.room.say(`It cannot connect anew: ${String(error)}`));
  }

  #flow(state: RTCPeerConnectionState): void {
    const { room, them } = this;
    if (state === "connected") {
      room.say(`You are talking to ${them}.`);
    } else if (state === "disconnected" && this.#isFlowing) {
      room.say(`Sound and picture of ${them} have stopped.`);
    } else if (state !== "failed") {
      return;
    }
    const isFlowing = state === "connected";
    if (isFlowing !== this.#isFlowing) this.#drawFlow(isFlowing);
    this.#isFlowing = isFlowing;
    room.stage.flow(isFlowing);
  }

  #drawFlow(isFlowing: boolean): void {
    const between = { from: "me", to: "peer" } as const;
    this.room.ladder.draw(
      isFlowing
        ? { ...between, text: "sound and picture, both ways", tone: "good", shaft: "flow" }
        : { ...between, text: "✗ no path for sound and picture ✗", tone: "bad", shaft: "cut" },
    );
  }

  #listen(): void {
    const { call, them, room } = this;
    const say = (status: string) => (): void => room.say(status);
    call.on("waiting", say(`${them} is not here. It rings as soon as they are.`));
    call.on("ringing", ({ deviceId }) => room.say(`It rings at ${them}, ${deviceName(deviceId)}.`));
    call.on("busy", ({ deviceId }) => room.say(`${them} is busy, ${deviceName(deviceId)}.`));
    call.on("rejected", ({ deviceId }) =>
      room.say(`${deviceName(deviceId)} of ${them} cannot take it.`),
    );
    call.on("answered", say(`${them} has answered. Connecting …`));
    call.on("won", say(`You have answered. Connecting …`));
    call.on("away", say(`${them} is offline for the moment. The call goes on.`));
    call.on("back", say(`${them} is online again.`));
    call.on("reconnect", ({ attempt }) => room.say(`Connecting anew, attempt ${attempt} …`));
    call.on("ended", (end) => this.#ended(end));
  }

  #ended(end: CallEnd): void {
    const { call, room, them } = this;
    room.say(howItEnded(call, end, them, room.me));
    this.#peer?.close();
    if (this.#media !== undefined) {
      closeMedia(this.#media);
      room.stage.close();
    }
    room.ended(this);
  }
}
