/** The strip that tells when the connection is lost, and when it is tried again. */

import { element } from "./dom.js";

const PATIENCE = 1_500;

export class Line {
  constructor(words, connection) {
    this.words = words;
    this.connection = connection;
    this.text = element("span");
    this.button = element("button", { type: "button", class: "link", onclick: () => connection.retry() }, words.say("try_now"));
    this.node = element("div", { class: "strip", role: "status", hidden: true }, this.text, this.button);
    this.lostAt = Date.now();
    connection.addEventListener("state", () => this.draw());
    setInterval(() => this.draw(), 1000);
  }

  /** A short break is nobody's business. */
  draw() {
    const { state, retryAt, failures } = this.connection;
    if (state === "open") this.lostAt = 0;
    else this.lostAt ||= Date.now();
    this.node.hidden = state === "open" || Date.now() - this.lostAt < PATIENCE;
    this.button.hidden = state !== "waiting";
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
    const waiting = `${this.words.say("no_connection")} ${this.words.say("reconnecting_in", { count: seconds })}`;
    const text = state === "waiting" && failures ? waiting : this.words.say("connecting");
    if (this.text.textContent !== text) this.text.textContent = text;
  }
}
