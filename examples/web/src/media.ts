/** What this tab shows and says in a call. */
import { drawing } from "./drawing.js";

/** A stream of one's own, and why it is no camera's; empty where it is one. */
export interface OwnMedia {
  readonly stream: MediaStream;
  readonly note: string;
}

const CAMERA: MediaStreamConstraints = {
  audio: { echoCancellation: true },
  video: { width: { ideal: 640 }, height: { ideal: 480 } },
};

/** Camera and microphone, or a moving drawing in their place. */
export async function openMedia(name: string, isDrawn: boolean): Promise<OwnMedia> {
  if (isDrawn) return { stream: drawing(name), note: "" };
  try {
    return { stream: await navigator.mediaDevices.getUserMedia(CAMERA), note: "" };
  } catch (error) {
    return { stream: drawing(name), note: `${reason(error)} The other sees a drawing instead.` };
  }
}

/** Gives camera and microphone back. */
export function closeMedia(media: OwnMedia): void {
  for (const track of media.stream.getTracks()) track.stop();
}

function reason(error: unknown): string {
  // browsers give cameras to https and to this machine alone, and have no such object elsewhere
  if (!window.isSecureContext) return "Without https this browser gives no camera to a page.";
  switch (error instanceof DOMException ? error.name : "") {
    case "NotFoundError":
      return "There is no camera or no microphone.";
    case "NotAllowedError":
      return "This page may not use your camera and microphone.";
    case "NotReadableError":
      return "Something else is using the camera.";
    default:
      return "The camera does not start.";
  }
}
