/** A sequence diagram that grows: three lifelines, and an arrow for each message. */
import { elements } from "./elements.js";

export type Party = "me" | "service" | "peer";
export type Tone = "quiet" | "sdp" | "ice" | "ring" | "good" | "bad";
export type Shaft = "plain" | "flow" | "cut";

/** One arrow. */
export interface Arrow {
  readonly from: Party;
  readonly to: Party;
  readonly text: string;
  readonly tone: Tone;
  readonly shaft?: Shaft;
}

const MAX_ROWS = 300; // older ones go: the page stays light in the longest call
const NEAR_END = 48; // px; whoever has scrolled further back is reading, and is left alone
const COLUMN: Record<Party, number> = { me: 0, service: 1, peer: 2 };

export class Ladder {
  #names: Record<Party, string> = { me: "you", service: "service", peer: "the other" };
  #began: number | undefined;

  constructor() {
    elements.clear.addEventListener("click", () => this.clear());
  }

  /** Names a lifeline. */
  name(party: Party, name: string): void {
    this.#names[party] = name;
    elements.partyMe.textContent = this.#names.me;
    elements.partyPeer.textContent = this.#names.peer;
  }

  /** Begins a part with a clock of its own. */
  begin(title: string): void {
    this.#began = undefined;
    const row = document.createElement("li");
    row.className = "begin";
    row.append(text("span", title));
    this.#append(row);
  }

  /** Draws an arrow; the first one of a part starts its clock. */
  draw(arrow: Arrow): void {
    const now = performance.now();
    this.#began ??= now;
    const row = document.createElement("li");
    const clock = text("time", `${((now - this.#began) / 1000).toFixed(3)}`);
    row.append(clock, text("span", `s, ${this.#sentence(arrow)}`, "hidden"), shape(arrow));
    this.#append(row);
  }

  /** Begins with an empty sheet. */
  clear(): void {
    this.#began = undefined;
    elements.ladder.replaceChildren();
  }

  #sentence({ from, to, text, shaft }: Arrow): string {
    const [one, other] = [this.#names[from], this.#names[to]];
    return shaft === undefined || shaft === "plain"
      ? `${one} to ${other}: ${text}`
      : `between ${one} and ${other}: ${text}`;
  }

  #append(row: HTMLElement): void {
    const { scroll, ladder } = elements;
    const isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
    ladder.append(row);
    while (ladder.childElementCount > MAX_ROWS) ladder.firstElementChild?.remove();
    if (isAtEnd) scroll.scrollTop = scroll.scrollHeight;
  }
}

/** The arrow itself, for the eye alone. */
function shape({ from, to, text: label, tone, shaft = "plain" }: Arrow): HTMLElement {
  const [start, end] = [COLUMN[from], COLUMN[to]];
  const arrow = document.createElement("div");
  arrow.className = `arrow ${shaft === "plain" ? (start < end ? "right" : "left") : shaft}`;
  if (Math.abs(end - start) > 1 && shaft === "plain") arrow.classList.add("through");
  arrow.dataset["tone"] = tone;
  arrow.setAttribute("aria-hidden", "true");
  // lifelines stand in the middle of three columns of two tracks each, behind the time's track
  arrow.style.gridColumn = `${3 + 2 * Math.min(start, end)} / ${3 + 2 * Math.max(start, end)}`;
  arrow.append(text("span", label));
  return arrow;
}

function text(tag: "span" | "time", content: string, className = ""): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = content;
  if (className) element.className = className;
  return element;
}
