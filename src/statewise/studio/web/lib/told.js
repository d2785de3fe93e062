// What the events of a run have told so far, as columns that curves are drawn of.

const MOST_LISTED = 200;
const SPEED_SECONDS = 0.5;

/** What the events of a run have told so far. */
export class Told {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    /** @type {number[]} */ this.updates = [];
    /** @type {(number | null)[]} */ this.nats = [];
    /** @type {(number | null)[]} */ this.speed = [];
    /** @type {number[]} */ this.checked = [];
    /** @type {any[]} */ this.checks = [];
    /** @type {{update: number, sample: string}[]} */ this.samples = [];
    /** @type {{kind: string, update: number, words: string}[]} */ this.events = [];
    /** @type {any} */ this.report = null;
    /** @type {any} */ this.last = null;
    /** @type {number[]} */ this.timed = [];
    this.before = { seconds: 0, places: 0 };
  }

  clear() {
    Object.assign(this, new Told(this.name));
  }

  /**
   * @param {string} kind
   * @param {any} content
   */
  tell(kind, content) {
    if (kind === "updated") this.updated(content);
    else if (kind === "started" || kind === "rolledback") this.back(kind, content);
    else if (kind === "checked") {
      this.checked.push(content.update);
      this.checks.push(content.metrics);
    } else if (kind === "sampled") this.samples.push(content);
    else if (kind === "finished") this.report = content.report;
    else if (kind === "stopped" && this.last) this.last = { ...this.last, fraction: 1 };
    if (kind === "rolledback") this.note(kind, content.update, `${content.reason}; tried again from update ${content.update}`);
    else if (kind === "finished") this.note(kind, content.update, "training and scoring are done");
    else if (kind === "stopped") this.note(kind, content.update, `ended early: ${content.checks} checks were no better`);
    else if (kind === "started" && content.update) this.note(kind, content.update, "went on from a checkpoint");
    else if (kind === "started") this.note(kind, 0, content.notice ?? "training begins");
    else if (kind === "saved") this.note(kind, content.update, "a checkpoint was written");
  }

  /** @param {any} columns */
  updated(columns) {
    for (let at = 0; at < columns.update.length; at++) {
      const [update, nats, seconds] = [columns.update[at], columns.nats[at], columns.seconds[at]];
      this.cut(update - 1);
      this.before.places += columns.places[at] ?? 0;
      const spent = seconds - this.before.seconds;
      this.updates.push(update);
      this.nats.push(nats);
      if (nats === null) this.note("no number", update, "the loss was no finite number");
      if (spent >= SPEED_SECONDS || spent < 0) {
        if (spent > 0) {
          this.timed.push(update);
          this.speed.push(this.before.places / spent);
        }
        this.before = { seconds, places: 0 };
      }
      this.last = { update, nats, seconds, fraction: columns.fraction[at] };
    }
  }

  /**
   * @param {string} kind
   * @param {any} content
   */
  back(kind, content) {
    this.cut(content.update);
    while (this.checked.length && this.checked[this.checked.length - 1] > content.update) {
      this.checked.pop();
      this.checks.pop();
    }
    this.samples = this.samples.filter(({ update }) => update <= content.update);
    if (kind === "started") this.report = null;
  }

  /** @param {number} update */
  cut(update) {
    while (this.updates.length && this.updates[this.updates.length - 1] > update) {
      this.updates.pop();
      this.nats.pop();
    }
    while (this.timed.length && this.timed[this.timed.length - 1] > update) {
      this.timed.pop();
      this.speed.pop();
    }
  }

  /**
   * @param {string} kind
   * @param {number} update
   * @param {string} words
   */
  note(kind, update, words) {
    this.events.push({ kind, update, words });
    if (this.events.length > MOST_LISTED) this.events.shift();
  }

  /** The metric that matters most. */
  get metric() {
    return Object.keys(this.report?.metrics ?? this.checks[this.checks.length - 1] ?? {})[0];
  }

  /** @param {string} metric */
  scores(metric) {
    const ys = this.checks.map((metrics) => metrics[metric] ?? null);
    const xs = [...this.checked];
    if (this.report?.metrics?.[metric] !== undefined) {
      xs.push(this.last?.update ?? 0);
      ys.push(this.report.metrics[metric]);
    }
    return { xs, ys };
  }
}
