/** What the visitor said and the server has not received yet: kept over a reload, sent in order, once. */

import { forget, recall, remember, remembered } from "./keep.js";

const ANSWER_WITHIN = 20_000;

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(15));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * Events: `change`, and `answer` (detail: the server's) to a file. An item is {id, at, text, leave?, file?}; `problem` is set when it was refused, `progress`
 * while a file goes out. Only one item is under way at a time, so what was said first arrives first.
 */
export class Outbox extends EventTarget {
  /** `upload(item, onprogress)` sends a file and gives the server's answer; it throws where there is none. */
  constructor(connection, upload) {
    super();
    this.connection = connection;
    this.upload = upload;
    this.underWay = null;
    this.timer = 0;
    this.busy = false; // the server asked to wait
    this.items = remembered("out.")
      .map(recall)
      .filter((item) => item?.id)
      .sort((a, b) => a.at - b.at);
  }

  add(item) {
    const whole = { id: newId(), at: Date.now(), text: "", ...item };
    if (!whole.file && !whole.problem) remember(`out.${whole.id}`, whole);
    this.items.push(whole);
    this.changed();
    this.pump();
  }

  /** The server has it. */
  done(id) {
    forget(`out.${id}`);
    this.items = this.items.filter((item) => item.id !== id);
    this.settle(id);
  }

  /** Refused for good: it stays in sight until the visitor removes it. */
  fail(id, problem) {
    forget(`out.${id}`);
    this.items = this.items.map((item) => (item.id === id ? { ...item, problem } : item));
    this.settle(id);
  }

  remove(id) {
    this.done(id);
  }

  /** Say it again as something new. */
  again(id) {
    const { text, leave, file } = this.items.find((item) => item.id === id);
    this.done(id);
    this.add({ text, leave, file });
  }

  /** Not stored, and nobody's fault. */
  later(id, seconds) {
    if (id !== this.underWay) return;
    this.busy = true;
    this.rest(seconds);
    this.changed();
  }

  /** The connection is gone: what was under way goes out again on the next one. */
  interrupted() {
    clearTimeout(this.timer);
    this.underWay = null;
    this.changed();
  }

  pump() {
    if (this.underWay || this.connection.state !== "open") return;
    const item = this.items.find(({ problem }) => !problem);
    if (!item) return;
    this.underWay = item.id;
    if (item.file) {
      this.carry(item);
      return;
    }
    const { id, text, leave } = item;
    this.connection.send(leave ? { type: "leave_message", id, text, ...leave } : { type: "say", id, text });
    this.timer = setTimeout(() => this.connection.lose(), ANSWER_WITHIN);
    this.changed();
  }

  async carry(item) {
    try {
      const answer = await this.upload(item, (progress) => {
        item.progress = progress;
        this.changed();
      });
      this.dispatchEvent(new CustomEvent("answer", { detail: answer }));
    } catch {
      item.progress = 0;
      if (this.underWay === item.id) this.rest(3);
    }
  }

  /** The server did not take it. */
  heard({ type, id, reason, after }) {
    if (type === "refused") this.fail(id, reason);
    else if (type === "try_again") this.later(id, after);
  }

  rest(seconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.underWay = null;
      this.pump();
    }, 1000 * seconds * (1 + Math.random() / 4));
  }

  settle(id) {
    if (id === this.underWay) {
      clearTimeout(this.timer);
      this.underWay = null;
      this.busy = false;
    }
    this.changed();
    this.pump();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
