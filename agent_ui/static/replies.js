// Saved replies: a list with a search of its own, walked with the arrows.

import { attempt, fetchHtml } from "./net.js";

export class Replies {
  constructor(composer) {
    this.composer = composer;
    this.button = document.getElementById("replies");
    this.menu = null;
  }

  async open() {
    if (this.menu) return this.close();
    await attempt(async () => {
      const fresh = await fetchHtml(this.button.dataset.src);
      this.menu = fresh.querySelector(".replies-menu");
      this.button.parentElement.append(this.menu);
    });
    if (!this.menu) return;
    this.field = this.menu.querySelector("input");
    this.field.addEventListener("input", () => this.filter());
    this.menu.addEventListener("keydown", (event) => this.onKey(event));
    this.menu.addEventListener("click", (event) => this.choose(event.target.closest("[data-text]")));
    this.away = (event) => !event.target.closest(".replies-menu, #replies") && this.close();
    document.addEventListener("click", this.away);
    this.field.focus();
    this.select(0);
  }

  close() {
    document.removeEventListener("click", this.away);
    this.menu?.remove();
    this.menu = null;
    this.composer.text.focus();
  }

  get shown() {
    return [...this.menu.querySelectorAll("[data-text]:not([hidden])")];
  }

  filter() {
    const words = this.field.value.toLowerCase().split(/\s+/);
    for (const reply of this.menu.querySelectorAll("[data-text]"))
      reply.hidden = !words.every((word) => reply.textContent.toLowerCase().includes(word));
    this.select(0);
  }

  select(index) {
    this.shown.forEach((reply, at) => reply.setAttribute("aria-selected", String(at === index)));
    const chosen = this.shown[index];
    this.field.setAttribute("aria-activedescendant", chosen?.id ?? "");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  onKey(event) {
    const at = this.shown.findIndex((reply) => reply.getAttribute("aria-selected") === "true");
    if (event.key === "Escape") this.close();
    else if (event.key === "ArrowDown") this.select(Math.min(at + 1, this.shown.length - 1));
    else if (event.key === "ArrowUp") this.select(Math.max(at - 1, 0));
    else if (event.key === "Enter") this.choose(this.shown[at]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  choose(reply) {
    if (!reply) return;
    const text = reply.dataset.text;
    this.close();
    this.composer.insert(text);
  }
}
