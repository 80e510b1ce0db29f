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

  /**
   * @param {MediaStreamTrack} track
   * @param {() => void} onheard called whenever a frame is audible
   */
  constructor(track, onheard) {
    this.#sink = new RTCAudioSink(track);
    this.#sink.ondata = ({ samples }) => {
      if (samples.some((sample) => Math.abs(sample) > AUDIBLE)) onheard();
    };
  }

  stop() {
    this.#sink.stop();
  }
}
