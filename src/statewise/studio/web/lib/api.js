// What the page asks of its server, and how it is told that something cannot be done.

/** A request that was not granted: its status, and one line that says why. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Ask the server, and return what it answers as JSON. Throws `Refused`.
 * @param {string} method
 * @param {string} path
 * @param {any} [body] an object is sent as JSON, a Blob as it is
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body, signal) {
  const answer = await asked(method, path, body, signal);
  return answer.status === 204 ? {} : answer.json();
}

/**
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 */
async function asked(method, path, body, signal) {
  const isFile = body instanceof Blob;
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = isFile ? "application/octet-stream" : "application/json";
  let answer;
  try {
    const content = body === undefined ? undefined : isFile ? body : JSON.stringify(body);
    answer = await fetch(path, { method, headers, body: content, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, "the studio does not answer: is it running?");
  }
  if (answer.ok) return answer;
  throw new Refused(answer.status, await reason(answer));
}

/**
 * @param {Response} answer
 * @returns {Promise<string>}
 */
async function reason(answer) {
  try {
    return (await answer.json()).error.message;
  } catch {
    return `the studio answered with ${answer.status}`;
  }
}

/**
 * Yield what is written after a prompt, piece by piece; the last value is where the session then is.
 * @param {string} path
 * @param {any} body
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<{text?: string, session?: string, steps?: number}>}
 */
export async function* pieces(path, body, signal) {
  const answer = await asked("POST", path, body, signal);
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const decoder = new TextDecoder();
  let kept = "";
  for (;;) {
    const { done, value } = await reader.read();
    kept += decoder.decode(value, { stream: !done });
    const events = kept.split("\n\n");
    kept = events.pop() ?? "";
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data: "));
      if (!data) continue;
      const said = JSON.parse(data.slice(6));
      if (said.error) throw new Refused(500, said.error.message);
      yield said;
    }
    if (done) return;
  }
}

/**
 * Send a file in pieces, and return how a training names it. Throws `Refused`.
 * @param {File} file
 * @param {(share: number) => void} told
 * @returns {Promise<string>}
 */
export async function upload(file, told) {
  const begun = await ask("POST", "/studio/data", { name: file.name, size: file.size });
  if (begun.done) return begun.source;
  for (let at = 0; ; ) {
    const piece = file.slice(at, at + begun.piece_bytes);
    const sent = await ask("PUT", `/studio/data/${begun.upload}?at=${at}`, piece);
    at = sent.here;
    told(at / file.size);
    if (sent.done) return sent.source;
  }
}

/**
 * Return the path of a run's route.
 * @param {string} name
 * @param {string} [rest]
 */
export function ofRun(name, rest = "") {
  return `/studio/runs/${encodeURIComponent(name)}${rest}`;
}
