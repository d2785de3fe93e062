// The microphone at the device's own rate: no browser resamples it, the server does. Let go of when the page is left.

import { Refused } from "./api.js";
import { refusal } from "./camera.js";

export class Microphone {
  /**
   * Ask for the microphone. Throws an error in words where it cannot be had.
   * @param {(samples: ArrayBuffer, peak: number) => void} heard
   * @param {AbortSignal} signal
   */
  static async open(heard, signal) {
    if (!navigator.mediaDevices || !window.AudioWorkletNode) throw new Refused(0, "this browser gives no microphone to pages at this address: open the studio at 127.0.0.1 or by https");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
    } catch (error) {
      throw new Refused(0, refusal(error, "microphone"));
    }
    const context = new AudioContext();
    await context.audioWorklet.addModule(new URL("microphone_worklet.js", import.meta.url).href);
    const node = new AudioWorkletNode(context, "pieces", { numberOfOutputs: 0 });
    context.createMediaStreamSource(stream).connect(node);
    await context.resume();
    return new Microphone(stream, context, node, heard, signal);
  }

  /**
   * @param {MediaStream} stream
   * @param {AudioContext} context
   * @param {AudioWorkletNode} node
   * @param {(samples: ArrayBuffer, peak: number) => void} heard
   * @param {AbortSignal} signal
   */
  constructor(stream, context, node, heard, signal) {
    this.stream = stream;
    this.context = context;
    this.node = node;
    /** @type {() => void} */
    this.flushed = () => {};
    node.port.onmessage = ({ data }) => {
      if (data.flushed) this.flushed();
      else heard(data.samples, data.peak);
    };
    signal.addEventListener("abort", () => this.close());
  }

  /** Samples a second. */
  get rate() {
    return this.context.sampleRate;
  }

  /** Wait for the last samples, then let the microphone go: the last syllable is heard too. */
  async finish() {
    const last = new Promise((done) => { this.flushed = () => done(undefined); });
    this.node.port.postMessage("flush");
    await Promise.race([last, new Promise((done) => setTimeout(done, 1000))]);
    this.close();
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    if (this.context.state !== "closed") this.context.close();
  }
}
