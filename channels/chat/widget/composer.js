/** Where the visitor writes. What he has not sent yet survives a reload. */

import { element, icon, iconButton } from "./dom.js";
import { recall, remember } from "./keep.js";

const TYPING_EVERY = 3_000;
const STOPPED_AFTER = 5_000;
const WARN_BELOW = 500;

export class Composer {
  constructor(words, { onsend, onfiles, ontyping }) {
    this.words = words;
    this.textLimit = Infinity;
    this.onsend = onsend;
    this.ontyping = ontyping;
    this.typedAt = 0;
    this.stopped = 0;
    this.text = element("textarea", {
      ...{ rows: 1, placeholder: words.say("write"), "aria-label": words.say("message"), enterKeyHint: "send" },
      value: recall("draft") ?? "",
      oninput: () => this.written(),
      onkeydown: (event) => this.key(event),
      onpaste: (event) => {
        if (!event.clipboardData.files.length) return;
        event.preventDefault();
        onfiles([...event.clipboardData.files]);
      },
    });
    this.picker = element("input", { type: "file", multiple: true, hidden: true, onchange: () => this.picked(onfiles) });
    this.attach = iconButton("attach", words.say("attach"), () => this.picker.click());
    this.button = element("button", { type: "submit", class: "send", title: words.say("send"), "aria-label": words.say("send") }, icon("send"));
    this.count = element("div", { class: "count", "aria-live": "polite" });
    this.notice = element("div", { class: "notice", hidden: true });
    const form = element("form", { class: "composer", onsubmit: (event) => this.submit(event) }, this.attach, this.picker, this.text, this.button);
    this.node = element("div", { class: "foot" }, this.notice, this.count, form);
    this.fit();
  }

  /** What the server takes. */
  limit({ text, file_types }) {
    this.textLimit = text;
    this.attach.hidden = !file_types.length;
    this.picker.accept = file_types.map((type) => `.${type}`).join();
    this.fit();
  }

  focus() {
    this.text.focus();
  }

  show(on) {
    const appears = on && this.node.hidden;
    this.node.hidden = !on;
    if (appears) this.fit(); // what is hidden has no height
  }

  clear() {
    this.text.value = "";
    this.fit();
  }

  /** A file cannot wait for the connection over a reload, so it is not taken without one. */
  connected(on) {
    this.attach.disabled = !on;
  }

  say(notice) {
    this.notice.hidden = !notice;
    this.notice.textContent = notice;
  }

  key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.submit(event);
  }

  submit(event) {
    event.preventDefault();
    const text = this.text.value.trim();
    if (!text || text.length > this.textLimit) return;
    this.text.value = "";
    remember("draft", "");
    this.types(false);
    this.fit();
    this.onsend(text);
    this.focus();
  }

  picked(onfiles) {
    onfiles([...this.picker.files]);
    this.picker.value = "";
    this.focus();
  }

  written() {
    remember("draft", this.text.value);
    this.fit();
    if (this.text.value.trim()) this.types(true);
  }

  types(on) {
    clearTimeout(this.stopped);
    const now = Date.now();
    if (on) this.stopped = setTimeout(() => this.types(false), STOPPED_AFTER);
    if (on ? now - this.typedAt < TYPING_EVERY : !this.typedAt) return;
    this.typedAt = on ? now : 0;
    this.ontyping(on);
  }

  /** As tall as its words, and a word about their number when it nears the limit. */
  fit() {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    const left = this.textLimit - this.text.value.trim().length;
    const name = left < 0 ? "characters_over" : "characters_left";
    this.count.textContent = left < WARN_BELOW ? this.words.say(name, { count: Math.abs(left) }) : "";
    this.count.classList.toggle("over", left < 0);
    this.button.disabled = !this.text.value.trim() || left < 0;
  }
}
