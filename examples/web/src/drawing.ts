/** A picture and a sound for those who have no camera, or do not want to show themselves. */

const WIDTH = 640; // px
const HEIGHT = 480; // px
const FRAMES_PER_SECOND = 20;
const HUES = 360;
const QUIET = 0.015; // of full scale: to be heard, and not to be annoying
const NOTE = 220; // Hz

/** A stream that shows a name in motion and hums; its tracks end with `stop` like any other. */
export function drawing(name: string): MediaStream {
  const stream = picture(name);
  stream.addTrack(hum());
  return stream;
}

function picture(name: string): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser draws nothing");
  const hue = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0) * 37, 0) % HUES;
  const stream = canvas.captureStream(FRAMES_PER_SECOND);
  const [track] = stream.getVideoTracks();
  // an interval, not animation frames: a tab in the background has none of those
  const timer = setInterval(() => {
    draw(context, name, hue);
    if (track?.readyState === "ended") clearInterval(timer);
  }, 1000 / FRAMES_PER_SECOND);
  draw(context, name, hue);
  return stream;
}

function draw(context: CanvasRenderingContext2D, name: string, hue: number): void {
  const turn = performance.now() / 1000;
  context.fillStyle = `hsl(${hue} 45% 22%)`;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  for (let index = 0; index < 3; index += 1) {
    const angle = turn * (0.6 + index * 0.25) + index * 2;
    const x = WIDTH / 2 + Math.cos(angle) * WIDTH * 0.32;
    const y = HEIGHT / 2 + Math.sin(angle * 1.3) * HEIGHT * 0.3;
    context.beginPath();
    context.arc(x, y, 90 - index * 20, 0, Math.PI * 2);
    context.fillStyle = `hsl(${hue + index * 25} 65% ${38 + index * 8}% / 75%)`;
    context.fill();
  }
  context.fillStyle = "#fff";
  context.font = "600 56px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(name, WIDTH / 2, HEIGHT / 2, WIDTH * 0.9);
  context.font = "28px system-ui, sans-serif";
  context.fillText(new Date().toLocaleTimeString(), WIDTH / 2, HEIGHT * 0.62);
}

function hum(): MediaStreamTrack {
  const audio = new AudioContext();
  const oscillator = new OscillatorNode(audio, { frequency: NOTE });
  const volume = new GainNode(audio, { gain: QUIET });
  const destination = audio.createMediaStreamDestination();
  oscillator.connect(volume).connect(destination);
  oscillator.start();
  const [track] = destination.stream.getAudioTracks();
  if (track === undefined) throw new Error("this browser makes no sound");
  return track;
}
