/** The head of the page: with whom one talks, how long it takes, and what else can be done. */

import { element, icon, iconButton } from "./dom.js";

export class Header {
  constructor(words, { title, embedded, onclose, onintroduce, ontranscript }) {
    this.words = words;
    this.face = element("div", { class: "face", "aria-hidden": "true" });
    this.title = element("h1", {}, title);
    this.status = element("p", { class: "status", role: "status" });
    const item = (image, name, act) =>
      element(
        "button",
        {
          ...{ type: "button" },
          onclick: () => {
            this.menu.hidePopover();
            act();
          },
        },
        icon(image),
        words.say(name),
      );
    this.menu = element("div", { class: "menu", id: "menu", popover: "auto" }, item("person", "introduce", onintroduce), item("save", "transcript", ontranscript));
    const more = iconButton("menu", words.say("menu"), null, { popovertarget: "menu", "aria-haspopup": "true" });
    const close = embedded && iconButton("close", words.say("close_chat"), onclose, { class: "icon-button close" });
    this.node = element("header", { class: "head" }, this.face, element("div", { class: "head-words" }, this.title, this.status), more, this.menu, close);
    this.who("");
  }

  /** The initials of the agent, or the sign of the house. */
  who(name) {
    const initials = name
      .split(/\s+/)
      .slice(0, 2)
      .map((word) => [...word][0] ?? "")
      .join("");
    this.face.replaceChildren(initials ? initials.toUpperCase() : icon("person"));
  }

  /** What stands under the title. */
  tell({ hours, agent, queue, closed }) {
    const { words } = this;
    this.node.dataset.there = agent ? String(agent.present) : String(Boolean(hours?.open));
    this.who(agent?.name ?? "");
    this.status.textContent = this.sentence({ hours, agent, queue, closed }, words);
  }

  sentence({ hours, agent, queue, closed }, words) {
    if (agent) return words.say(agent.present ? "status_agent" : "status_agent_away", { name: agent.name || words.say("agent") });
    if (hours && !hours.open) {
      return hours.opens_at ? words.say("status_away_until", { when: words.ahead(new Date(hours.opens_at)) }) : words.say("status_away");
    }
    if (queue) return [this.turn(queue.position), this.wait(queue.wait_seconds)].filter(Boolean).join(" · ");
    if (closed) return words.say("status_closed");
    return hours ? words.say("status_here") : "";
  }

  turn(position) {
    return position > 1 ? this.words.say("status_queue", { count: position - 1 }) : this.words.say("status_next");
  }

  wait(seconds) {
    if (seconds === null || seconds === undefined) return "";
    if (seconds < 60) return this.words.say("status_wait_short");
    if (seconds < 3600) return this.words.say("status_wait", { count: Math.round(seconds / 60) });
    return this.words.say("status_wait_long", { count: Math.floor(seconds / 3600) });
  }
}
