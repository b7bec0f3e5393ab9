/** What was said, in order and once, and how far the server need not tell us again. */

const NUMBERS = 1_000_000;

/** Events: `message` (detail: it). */
export class Conversation extends EventTarget {
  constructor() {
    super();
    this.messages = [];
    this.known = new Set();
    this.positions = new Map(); // the greatest seq of each case
    this.earlier = 0; // where to ask for what was said before; 0: nothing was
    this.shown = new Map(); // of each case, the greatest seq of theirs that was told to be seen
  }

  /** For the `hello` of the next connection. */
  get last() {
    return [...this.positions.values()];
  }

  reach(seq) {
    const place = Math.floor(seq / NUMBERS);
    if (seq > (this.positions.get(place) ?? 0)) this.positions.set(place, seq);
  }

  /** A message of the server's; one that is known is no news. */
  add(message) {
    this.reach(message.seq);
    const name = message.own ? message.id : message.seq;
    if (this.known.has(name)) return;
    this.known.add(name);
    const whole = { ...message, at: new Date(message.at) };
    let place = this.messages.length;
    while (place > 0 && isLater(this.messages[place - 1], whole)) place--;
    this.messages.splice(place, 0, whole);
    this.dispatchEvent(new CustomEvent("message", { detail: whole }));
  }

  /** Of each case, the last of their messages that the server does not know to be seen. */
  unseen() {
    const latest = new Map();
    for (const { own, seq } of this.messages) {
      const place = Math.floor(seq / NUMBERS);
      if (!own && seq > (this.shown.get(place) ?? 0)) latest.set(place, Math.max(seq, latest.get(place) ?? 0));
    }
    return [...latest.values()];
  }

  /** How many of theirs are newer than these positions. */
  newerThan(positions) {
    const upto = new Map(positions.map((seq) => [Math.floor(seq / NUMBERS), seq]));
    return this.messages.filter(({ own, seq }) => !own && seq > (upto.get(Math.floor(seq / NUMBERS)) ?? 0)).length;
  }

  /** What was said before: its cases are to be told seen anew, for some of it may never have been shown. */
  addPast({ history, earlier }) {
    this.earlier = earlier;
    for (const message of history) {
      if (!message.own) this.shown.delete(Math.floor(message.seq / NUMBERS));
      this.add(message);
    }
  }

  seen(seq) {
    this.shown.set(Math.floor(seq / NUMBERS), seq);
  }
}

function isLater(message, other) {
  return message.at > other.at || (+message.at === +other.at && message.seq > other.seq);
}
