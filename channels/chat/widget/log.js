/** The log: everything said, by days and by speakers, with what waits to be sent at its end. */

import { arrange, element, icon } from "./dom.js";

const SAME_TURN = 5 * 60_000;
const NEAR_TOP = 120;

export class Log {
  /** `onearlier` is called when the reader wants what was said before. */
  constructor(words, bubbles, { onearlier }) {
    this.words = words;
    this.bubbles = bubbles;
    this.rows = new Map(); // what was drawn, by its name
    this.atEnd = true;
    this.missed = 0;
    this.scrolledTo = 0;
    this.onearlier = onearlier;
    this.earlier = element("button", { type: "button", class: "earlier", hidden: true, onclick: () => onearlier() });
    this.told = element("p", { class: "hidden", role: "status" });
    this.list = element("div", { class: "rows" });
    this.typing = element("div", { class: "row theirs typing", hidden: true }, element("div", { class: "bubble" }, element("i"), element("i"), element("i")), element("span", { class: "hidden" }));
    this.scroll = element("div", { class: "log", role: "log", "aria-live": "off", "aria-label": words.say("conversation"), tabIndex: 0, onscroll: () => this.scrolled() }, this.earlier, this.list, this.typing);
    this.pill = element("button", { type: "button", class: "pill", hidden: true, onclick: () => this.toEnd() });
    this.node = element("div", { class: "log-frame" }, this.scroll, this.told, this.pill);
    new ResizeObserver(() => this.keepEnd()).observe(this.scroll);
    this.scroll.addEventListener("grown", () => this.keepEnd());
  }

  /** Draw it all; what did not change is not touched. `pending` gives how an unsent item looks. */
  draw(messages, lines, items, pending) {
    const rows = [];
    const all = [...messages, ...lines].sort((a, b) => a.at - b.at);
    let before = null;
    for (const one of all) {
      const newDay = !before || one.at.toDateString() !== before.at.toDateString();
      if (newDay) rows.push(this.row(`day ${one.at.toDateString()} ${this.words.day(one.at)}`, () => this.bubbles.day(one.at)));
      rows.push(one.line ? this.row(one.name, () => this.bubbles.line(one.line)) : this.turn(one, before, newDay));
      before = one;
    }
    for (const item of items) {
      const look = pending(item);
      rows.push(this.row(`${item.id} ${look.state} ${look.problem} ${item.progress ?? ""}`, () => this.bubbles.pending(item, look)));
    }
    this.forgetOthers(rows);
    arrange(this.list, rows);
    this.mark(rows);
    this.keepEnd();
  }

  /** A message; only the first of a speaker's turn shows his name. */
  turn(message, before, newDay) {
    const row = this.row(message.own ? message.id : message.seq, () => this.bubbles.message(message));
    const same = !newDay && before && !before.line && before.own === message.own && before.name === message.name && message.at - before.at < SAME_TURN;
    row.toggleAttribute("data-starts", !same);
    return row;
  }

  /** The last row of a turn shows the time. */
  mark(rows) {
    rows.forEach((row, place) => {
      const next = rows[place + 1];
      const ends = !next || !next.classList.contains("row") || next.hasAttribute("data-starts") || next.classList.contains("pending");
      row.toggleAttribute("data-ends", ends);
    });
  }

  row(name, draw) {
    const key = String(name);
    if (!this.rows.has(key)) this.rows.set(key, draw());
    return this.rows.get(key);
  }

  forgetOthers(rows) {
    const kept = new Set(rows);
    for (const [name, row] of this.rows) if (!kept.has(row)) this.rows.delete(name);
  }

  /** Whether there is more before what is shown, and whether it is on its way. */
  offerEarlier(there, coming) {
    const left = !there && document.activeElement === this.earlier;
    this.earlier.hidden = !there;
    this.earlier.setAttribute("aria-disabled", String(coming));
    this.earlier.textContent = this.words.say(coming ? "earlier_coming" : "earlier");
    if (left) this.scroll.focus();
  }

  /** `draw` puts what was said before above what is read, which stays where it is and is not read aloud again. */
  putBefore(draw, count) {
    const fromEnd = this.scroll.scrollHeight - this.scroll.scrollTop;
    this.scroll.setAttribute("aria-live", "off");
    draw();
    this.scroll.scrollTop = this.scroll.scrollHeight - fromEnd;
    this.told.textContent = count ? this.words.say("earlier_shown", { count }) : "";
    this.speakUp();
  }

  /** Somebody types, or nobody. */
  types(text) {
    this.typing.hidden = !text;
    this.typing.querySelector(".hidden").textContent = text;
    this.keepEnd();
  }

  /** From now on what comes is read aloud; the history is not. */
  speakUp() {
    requestAnimationFrame(() => this.scroll.setAttribute("aria-live", "polite"));
  }

  /** A message came: stay with the reader where he reads, and tell him of it. */
  came(own) {
    if (own) this.atEnd = true;
    else if (!this.atEnd) this.missed++;
    this.tellMissed();
  }

  toEnd() {
    this.atEnd = true;
    this.keepEnd();
  }

  keepEnd() {
    if (!this.atEnd) return;
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.missed = 0;
    this.tellMissed();
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    const upwards = scrollTop < this.scrolledTo;
    this.scrolledTo = scrollTop;
    const pressed = document.activeElement === this.earlier; // who came to the button presses it
    if (upwards && scrollTop < NEAR_TOP && !this.earlier.hidden && !pressed) this.onearlier();
    this.atEnd = scrollHeight - scrollTop - clientHeight < 40;
    if (this.atEnd) this.missed = 0;
    this.tellMissed();
  }

  tellMissed() {
    this.pill.hidden = this.atEnd;
    const text = this.missed ? this.words.say("new_messages", { count: this.missed }) : "";
    this.pill.replaceChildren(icon("down"), ...(text ? [text] : []));
    this.pill.setAttribute("aria-label", text || this.words.say("to_newest"));
    this.pill.classList.toggle("round", !text);
  }
}
