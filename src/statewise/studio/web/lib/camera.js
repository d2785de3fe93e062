// Frames of a camera, small enough to be sent one by one; the camera is let go of when the page is left.

import { Refused } from "./api.js";
import { base64 } from "./given.js";

const WIDTH = 128;
const MOST_CHARACTERS = 9000;
const QUALITIES = [0.7, 0.5, 0.3, 0.15];

export class Camera {
  /**
   * Ask for the camera, and show it in a video element. Throws an error in words where it cannot be had.
   * @param {HTMLVideoElement} video
   * @param {AbortSignal} signal
   */
  static async open(video, signal) {
    if (!navigator.mediaDevices) throw new Refused(0, "this browser gives no camera to pages at this address: open the studio at 127.0.0.1 or by https");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 320 } } });
    } catch (error) {
      throw new Refused(0, refusal(error, "camera"));
    }
    video.srcObject = stream;
    await video.play();
    return new Camera(video, stream, signal);
  }

  /**
   * @param {HTMLVideoElement} video
   * @param {MediaStream} stream
   * @param {AbortSignal} signal
   */
  constructor(video, stream, signal) {
    this.video = video;
    this.stream = stream;
    this.canvas = new OffscreenCanvas(WIDTH, Math.max(2, Math.round((WIDTH * video.videoHeight) / video.videoWidth)));
    signal.addEventListener("abort", () => this.close());
  }

  /** Return the picture that is seen now, as JPEG in base 64. */
  async frame() {
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    context.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    let text = "";
    for (const quality of QUALITIES) {
      text = await base64(await this.canvas.convertToBlob({ type: "image/jpeg", quality }));
      if (text.length <= MOST_CHARACTERS) break;
    }
    return text;
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.video.srcObject = null;
  }
}

/**
 * Return in words why a device was not given.
 * @param {unknown} error
 * @param {string} device
 */
export function refusal(error, device) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return `the ${device} was refused: allow it in the bar of the browser, or give a file`;
  if (name === "NotFoundError") return `there is no ${device} here: give a file`;
  if (name === "NotReadableError") return `the ${device} is used by another program: close that, or give a file`;
  return `the ${device} cannot be used (${name || String(error)}): give a file`;
}
