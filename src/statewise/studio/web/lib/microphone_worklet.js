// Sound as the device gives it, in pieces of 16-bit samples, each with its loudest sample; "flush" sends what is left.

const PIECE = 2048;

/** @type {any} */
const scope = globalThis;

scope.registerProcessor("pieces", class extends scope.AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.peak = 0;
    this.isOver = false;
    this.port.onmessage = () => {
      this.send();
      this.port.postMessage({ flushed: true });
      this.isOver = true;
    };
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    const [first] = channels;
    if (!first) return !this.isOver;
    for (let at = 0; at < first.length; at++) {
      const sample = channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length;
      const held = Math.max(-1, Math.min(1, sample));
      this.peak = Math.max(this.peak, Math.abs(held));
      this.piece[this.filled++] = Math.round(32767 * held);
      if (this.filled === PIECE) this.send();
    }
    return !this.isOver;
  }

  send() {
    const samples = this.piece.slice(0, this.filled).buffer;
    if (this.filled) this.port.postMessage({ samples, peak: this.peak }, [samples]);
    this.filled = 0;
    this.peak = 0;
  }
});
