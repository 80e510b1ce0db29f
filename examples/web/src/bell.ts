/** The dialog that asks: answer or decline? It rings for one call at a time. */
import type { Call } from "signaling-client";

import { elements } from "./elements.js";

export class Bell {
  #call: Call | undefined;
  #answer: (call: Call) => void;

  /** `answer` hears of a call that a person takes; one that is declined ends by itself. */
  constructor(answer: (call: Call) => void) {
    this.#answer = answer;
    elements.answer.addEventListener("click", () => this.#take());
    elements.decline.addEventListener("click", () => this.#call?.reject());
    // Escape does not decide over a call; whoever wants to decline finds the button
    elements.incoming.addEventListener("cancel", (event) => event.preventDefault());
  }

  /** The call that it rings for. */
  get call(): Call | undefined {
    return this.#call;
  }

  /** Rings until the call is taken or over. */
  ring(call: Call, them: string): void {
    this.#call = call;
    call.ringing();
    call.once("ended", () => this.stop(call));
    elements.incomingText.textContent = `${them} wants to talk to you.`;
    elements.incoming.showModal();
    elements.answer.focus();
  }

  /** Stops, if it is this call that it rings for. */
  stop(call: Call): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    elements.incoming.close();
  }

  #take(): void {
    const call = this.#call;
    if (call === undefined) return;
    this.stop(call);
    this.#answer(call);
  }
}
