// The place where answers and notes are written: nothing typed is lost, nothing is sent twice.

import { attempt, post } from "./net.js";
import { Replies } from "./replies.js";
import { gettext } from "./words.js";

const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const KEPT_DAYS = 30;

export class Composer {
  constructor(caseId, say) {
    this.case = caseId;
    this.say = say;
    this.root = document.getElementById("composer");
    this.form = document.getElementById("composer-form");
    this.text = document.getElementById("composer-text");
    this.subject = document.getElementById("composer-subject");
    this.way = document.getElementById("way");
    this.fileInput = document.getElementById("composer-files");
    this.files = [];
    this.mode = "answer";
    this.key = `draft-${document.body.dataset.me}-${caseId}`;
    this.drafts = JSON.parse(localStorage.getItem(this.key) ?? "{}");
    this.typingTimer = 0;
    this.typing = false;
    this.replies = new Replies(this);
    this.listen();
    this.allow();
    this.setMode(this.drafts.mode ?? "answer");
    if (this.draft.way) this.way.value = this.draft.way;
    if (!this.way.value) this.way.selectedIndex = 0;
    this.showSubject();
  }

  get draft() {
    return (this.drafts[this.mode] ??= {});
  }

  get doing() {
    return this.typing ? "typing" : "looking";
  }

  listen() {
    this.root.querySelectorAll("[data-mode]").forEach((tab) => tab.addEventListener("click", () => {
      this.setMode(tab.dataset.mode);
      this.text.focus();
    }));
    this.root.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key) || !event.target.matches("[data-mode]")) return;
      const other = this.mode === "answer" ? "note" : "answer";
      this.setMode(other);
      this.root.querySelector(`[data-mode=${this.mode}]`).focus();
    });
    this.text.addEventListener("input", () => this.onInput());
    this.subject.addEventListener("input", () => this.keep());
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.form.requestSubmit();
      } else if (event.key === "/" && !this.text.value && this.mode === "answer") {
        event.preventDefault();
        this.replies.open();
      } else if (event.key === "Escape") {
        this.text.blur();
        document.getElementById("stream").focus();
      }
    });
    this.text.addEventListener("paste", (event) => this.takeFiles(event, event.clipboardData?.files));
    this.root.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.root.classList.add("dropping");
    });
    this.root.addEventListener("dragleave", () => this.root.classList.remove("dropping"));
    this.root.addEventListener("drop", (event) => {
      this.root.classList.remove("dropping");
      this.takeFiles(event, event.dataTransfer?.files);
    });
    this.way.addEventListener("change", () => {
      this.showSubject();
      this.keep();
    });
    document.getElementById("attach").addEventListener("click", () => this.fileInput.click());
    document.getElementById("replies").addEventListener("click", () => this.replies.open());
    this.fileInput.addEventListener("change", () => {
      this.addFiles(this.fileInput.files);
      this.fileInput.value = "";
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(() => this.send(), document.getElementById("send"));
    });
  }

  // What the case allows now decides what may be written.
  allow() {
    const can = new Set((document.querySelector(".case-head")?.dataset.can ?? "").split(" "));
    this.canAnswer = can.has("answer");
    for (const part of this.root.querySelectorAll("[data-needs]")) part.hidden = !can.has(part.dataset.needs);
    const closed = document.getElementById("composer-closed");
    const state = document.querySelector(".case-head")?.dataset.state;
    closed.hidden = this.canAnswer;
    closed.textContent = state === "closed" ? gettext("The case is closed. Reopen it to answer.")
      : state === "reserved" || can.has("take") ? gettext("Take the case to answer.") : gettext("A colleague answers in this case.");
    if (!this.canAnswer && this.mode === "answer") this.setMode("note");
  }

  setMode(mode) {
    this.mode = mode === "answer" && !this.canAnswer ? "note" : mode;
    this.root.dataset.mode = this.mode;
    for (const tab of this.root.querySelectorAll("[data-mode]")) {
      tab.setAttribute("aria-selected", String(tab.dataset.mode === this.mode));
      tab.tabIndex = tab.dataset.mode === this.mode ? 0 : -1;
    }
    for (const part of this.root.querySelectorAll("[data-mode-only]"))
      part.hidden = part.dataset.modeOnly !== this.mode || (part.dataset.needs === "answer" && !this.canAnswer);
    this.form.action = `/cases/${this.case}/${this.mode}`;
    this.text.value = this.draft.text ?? "";
    this.subject.value = this.draft.subject ?? "";
    this.text.placeholder = this.text.dataset[this.mode];
    this.showSubject();
    this.showFiles();
  }

  showSubject() {
    const channel = this.way.selectedOptions[0]?.dataset.channel;
    this.subject.hidden = this.mode !== "answer" || channel !== "email";
  }

  // A customer who wrote on another channel has one more way; what was chosen stays chosen.
  offerWays(fresh) {
    const chosen = this.way.value;
    const touched = this.draft.way;
    this.way.replaceChildren(fresh);
    const there = [...this.way.options].some((option) => option.value === chosen);
    if (there && (touched || this.text.value)) this.way.value = chosen;
    this.showSubject();
  }

  onInput() {
    this.keep();
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => this.setTyping(false), 5000);
    this.setTyping(this.text.value !== "");
  }

  setTyping(typing) {
    if (typing === this.typing) return;
    this.typing = typing;
    this.say(this.doing);
  }

  keep() {
    Object.assign(this.draft, { text: this.text.value, subject: this.subject.value, way: this.way.value });
    this.drafts.mode = this.mode;
    this.drafts.at = Date.now();
    const written = ["answer", "note"].some((mode) => this.drafts[mode]?.text || this.drafts[mode]?.id);
    if (written) localStorage.setItem(this.key, JSON.stringify(this.drafts));
    else localStorage.removeItem(this.key);
    document.getElementById("draft-state").textContent = this.text.value ? gettext("Draft kept in this browser") : "";
  }

  takeFiles(event, files) {
    if (!files?.length || this.mode !== "answer") return;
    event.preventDefault();
    this.addFiles(files);
  }

  addFiles(files) {
    this.files.push(...files);
    this.showFiles();
  }

  showFiles() {
    const list = document.getElementById("chosen-files");
    list.hidden = this.mode !== "answer";
    list.replaceChildren(...this.files.map((file) => {
      const item = document.createElement("li");
      const name = document.createElement("span");
      name.className = "cut";
      name.textContent = file.name;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "×";
      remove.setAttribute("aria-label", gettext("Remove %(name)s", { name: file.name }));
      remove.addEventListener("click", () => {
        this.files = this.files.filter((other) => other !== file);
        this.showFiles();
      });
      item.append(name, remove);
      return item;
    }));
  }

  insert(text) {
    this.text.focus();
    this.text.setRangeText(text, this.text.selectionStart, this.text.selectionEnd, "end");
    this.onInput();
  }

  async send() {
    const mode = this.mode;
    if (!this.text.value.trim() && !(mode === "answer" && this.files.length)) return this.text.focus();
    // The id is kept with the draft: a second click, a retry or a reload sends the same answer, not another.
    this.draft.id ??= newId();
    this.keep();
    const fields = new FormData();
    fields.set("text", this.text.value);
    fields.set("client_id", this.draft.id);
    if (mode === "answer") {
      fields.set("way", this.way.value);
      if (!this.subject.hidden) fields.set("subject", this.subject.value);
      this.files.forEach((file) => fields.append("files", file));
    }
    const sent = this.text.value;
    await post(this.form.action, fields);
    this.drafts[mode] = {};
    if (mode === "answer") this.files = [];
    if (this.mode === mode && this.text.value === sent) this.text.value = this.subject.value = "";
    this.showFiles();
    this.keep();
    this.setTyping(false);
    this.text.focus();
  }

  leave() {
    clearTimeout(this.typingTimer);
  }
}

// Drafts of cases nobody came back to do not stay for ever.
export function forgetOldDrafts() {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith("draft-")) continue;
    const at = JSON.parse(localStorage.getItem(key) ?? "{}").at ?? 0;
    if (Date.now() - at > KEPT_DAYS * 86_400_000) localStorage.removeItem(key);
  }
}

