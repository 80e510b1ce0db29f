/**
 * A data channel that echoes: what one side sends, the other sends back.
 *
 * @module channel
 */
import { deferred } from "./scenario.js";

/** One end of the data channel of a call. */
export class Channel {
  #channel;
  #opened = deferred();
  #echoes = new Map();

  /** Resolves when data can flow. */
  get opened() {
    return this.#opened.promise;
  }

  /**
   * Takes the end that was created here, or came from the other side.
   *
   * @param {RTCDataChannel} channel
   */
  adopt(channel) {
    this.#channel = channel;
    if (channel.readyState === "open") this.#opened.resolve();
    channel.onopen = () => this.#opened.resolve();
    channel.onmessage = ({ data }) => this.#onMessage(data);
  }

  /**
   * Sends a word and resolves when the other side has sent it back.
   *
   * @param {string} word
   * @returns {Promise<void>}
   */
  echo(word) {
    const echoed = deferred();
    this.#echoes.set(word, echoed);
    this.#channel.send(`ping ${word}`);
    return echoed.promise;
  }

  #onMessage(data) {
    const [kind, word] = data.split(" ");
    if (kind === "ping") {
      this.#channel.send(`pong ${word}`);
    } else {
      this.#echoes.get(word)?.resolve();
      this.#echoes.delete(word);
    }
  }
}
