/** Two pictures and the buttons under them: what is seen of a call, and nothing of signaling. */
import { elements } from "./elements.js";
import type { OwnMedia } from "./media.js";

/** What a person does with a call. */
export interface StageListener {
  hangUp(): void;
  fail(): void;
}

export class Stage {
  #own: MediaStream | undefined;
  #began: number | undefined;
  #listener: StageListener | undefined;

  constructor() {
    elements.mute.addEventListener("click", () => this.#toggle("audio", elements.mute));
    elements.blind.addEventListener("click", () => this.#toggle("video", elements.blind));
    elements.hangUp.addEventListener("click", () => this.#listener?.hangUp());
    elements.fail.addEventListener("click", () => this.#listener?.fail());
    elements.hear.addEventListener("click", () => this.#play());
    setInterval(() => this.#tick(), 1000);
  }

  /** Sets it up for a call. */
  open(them: string, own: OwnMedia, listener: StageListener): void {
    this.#listener = listener;
    this.#own = own.stream;
    elements.local.srcObject = own.stream;
    elements.mediaNote.textContent = own.note;
    elements.mediaNote.hidden = own.note === "";
    elements.remoteName.textContent = them;
    elements.waiting.textContent = them.slice(0, 1).toUpperCase();
    for (const button of [elements.mute, elements.blind]) button.ariaPressed = "false";
    elements.dial.hidden = true;
    elements.stage.hidden = false;
    elements.hangUp.focus(); // what had the focus is gone
  }

  /** Shows what comes in from now on. */
  show(remote: MediaStream): void {
    elements.remote.srcObject = remote;
    this.#play();
  }

  /** Sound and picture flow, or do not. */
  flow(isFlowing: boolean): void {
    elements.fail.disabled = !isFlowing;
    if (!isFlowing) return;
    elements.waiting.textContent = "";
    this.#began ??= performance.now();
    this.#tick();
  }

  /** Takes everything down. */
  close(): void {
    this.#listener = undefined;
    this.#own = undefined;
    this.#began = undefined;
    elements.local.srcObject = elements.remote.srcObject = null;
    elements.stage.hidden = true;
    elements.timer.hidden = elements.hear.hidden = true;
    elements.fail.disabled = true;
    elements.dial.hidden = false;
    elements.callee.focus();
  }

  #toggle(kind: "audio" | "video", button: HTMLButtonElement): void {
    const isOff = button.ariaPressed !== "true";
    button.ariaPressed = String(isOff);
    for (const track of this.#own?.getTracks() ?? []) {
      if (track.kind === kind) track.enabled = !isOff;
    }
  }

  /** A page that was loaded again makes no sound before somebody has touched it. */
  #play(): void {
    elements.hear.hidden = true;
    elements.remote.play().catch((error: unknown) => {
      const isNotAllowed = error instanceof DOMException && error.name === "NotAllowedError";
      elements.hear.hidden = !isNotAllowed; // anything else: the picture was replaced meanwhile
    });
  }

  #tick(): void {
    elements.timer.hidden = this.#began === undefined;
    if (this.#began === undefined) return;
    const seconds = Math.floor((performance.now() - this.#began) / 1000);
    const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
    elements.timer.textContent = `${minutes}:${String(rest).padStart(2, "0")}`;
  }
}
