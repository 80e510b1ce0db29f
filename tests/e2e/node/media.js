/**
 * Audio without hardware: a tone to send, and an ear that hears it.
 *
 * @module media
 */
import wrtc from "@roamhq/wrtc";

const { RTCAudioSink, RTCAudioSource } = wrtc.nonstandard;

const SAMPLE_RATE_HZ = 48_000;
const FRAME_MS = 10; // libwebrtc takes audio in frames of 10 ms
const TONE_HZ = 440;
const AMPLITUDE = 8_000;
const AUDIBLE = 500; // of 32,767: above what concealment of silence leaves
const SILENT_FRAMES = 50; // half a second: longer than a busy machine makes a tone stutter

/** A track that carries a tone until it is stopped. */
export class Tone {
  #source = new RTCAudioSource();
  #position = 0;
  #timer = setInterval(() => this.#play(), FRAME_MS);

  track = this.#source.createTrack();

  stop() {
    clearInterval(this.#timer);
    this.track.stop();
  }

  #play() {
    const samples = new Int16Array((SAMPLE_RATE_HZ * FRAME_MS) / 1000);
    for (let i = 0; i < samples.length; i += 1) {
      const angle = (2 * Math.PI * TONE_HZ * (this.#position + i)) / SAMPLE_RATE_HZ;
      samples[i] = AMPLITUDE * Math.sin(angle);
    }
    this.#position += samples.length;
    this.#source.onData({ samples, sampleRate: SAMPLE_RATE_HZ });
  }
}

/** Listens to a remote track. */
export class Ear {
  #sink;
  #isSilent = true;
  #quietFrames = 0;

  /**
   * @param {MediaStreamTrack} track
   * @param {(isHeard: boolean) => void} onchange called when there is something to hear, and
   *   when there has been nothing for half a second
   */
  constructor(track, onchange) {
    this.#sink = new RTCAudioSink(track);
    this.#sink.ondata = ({ samples }) => {
      const isAudible = samples.some((sample) => Math.abs(sample) > AUDIBLE);
      this.#quietFrames = isAudible ? 0 : this.#quietFrames + 1;
      const isSilent = this.#quietFrames >= (this.#isSilent ? 1 : SILENT_FRAMES);
      if (isSilent === this.#isSilent) return;
      this.#isSilent = isSilent;
      onchange(!isSilent);
    };
  }

  stop() {
    this.#sink.stop();
  }
}
