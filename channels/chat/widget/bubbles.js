/** How one message looks: its words with links that are safe to follow, its files, and what became of it. */

import { element, icon } from "./dom.js";

const LINK = /\bhttps?:\/\/[^\s<>"']+|\bwww\.[^\s<>"']+\.[^\s<>"']+/gi;
const AFTER_LINK = /[.,:;!?…»”’'")\]}]+$/;
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** The text with its links; a closing bracket or a full stop behind a link does not belong to it. */
export function withLinks(text) {
  const parts = [];
  let done = 0;
  for (const match of text.matchAll(LINK)) {
    let link = match[0];
    const tail = link.match(AFTER_LINK)?.[0] ?? "";
    const balanced = tail.startsWith(")") && link.includes("(");
    link = link.slice(0, link.length - (balanced ? tail.length - 1 : tail.length));
    const href = link.toLowerCase().startsWith("www.") ? `https://${link}` : link;
    if (!URL.canParse(href)) continue;
    parts.push(text.slice(done, match.index));
    parts.push(element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, link));
    done = match.index + link.length;
  }
  return [...parts, text.slice(done)];
}

/** Makes the rows of the log; `fetchFile(path)` gives the bytes of a file as a blob. */
export class Bubbles {
  constructor(words, fetchFile) {
    this.words = words;
    this.fetchFile = fetchFile;
    this.sight = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.load(target);
    });
    this.pictures = new WeakMap();
  }

  day(date) {
    return element("div", { class: "day" }, element("span", {}, this.words.day(date)));
  }

  line(text) {
    return element("div", { class: "line" }, text);
  }

  /** A message that is stored. */
  message({ own, name, text, files, at }) {
    const said = own ? this.words.say("you") : name || this.words.say("agent");
    return element(
      "div",
      { class: `row ${own ? "own" : "theirs"}` },
      !own && element("div", { class: "name", "aria-hidden": "true" }, said),
      element("span", { class: "hidden" }, `${said}, ${this.words.time(at)}: `),
      text && element("div", { class: "bubble", dir: "auto" }, withLinks(text)),
      files.map((file) => this.file(file)),
      element(
        "div",
        { class: "meta" },
        element("time", { dateTime: at.toISOString(), title: at.toLocaleString(this.words.language) }, this.words.time(at)),
        own && element("span", { class: "mark", title: this.words.say("received") }, icon("received"), this.words.say("received")),
      ),
    );
  }

  /** A message that waits to be sent, or was refused. */
  pending(item, { state, problem, again, remove }) {
    const { words } = this;
    const row = element(
      "div",
      { class: "row own pending", "data-state": state },
      item.text && element("div", { class: "bubble", dir: "auto" }, withLinks(item.text)),
      item.file && this.chip(item.file.name, item.file.size, item.progress),
    );
    if (state === "failed") {
      row.append(
        element("div", { class: "meta failed" }, icon("warning"), element("span", {}, problem)),
        element(
          "div",
          { class: "meta actions" },
          again && element("button", { type: "button", class: "link", onclick: again }, words.say("send_again")),
          element("button", { type: "button", class: "link", onclick: remove }, words.say("remove")),
        ),
      );
    } else {
      const text = words.say(state === "sending" ? "sending" : "waiting_to_send");
      row.append(element("div", { class: "meta" }, element("span", { class: "mark" }, icon("sending"), text)));
    }
    return row;
  }

  file(file) {
    if (PICTURES.includes(file.mime) && file.size < 5_000_000) return this.picture(file);
    const chip = this.chip(file.name, file.size);
    return element(
      "button",
      {
        type: "button",
        class: "file-button",
        "aria-label": this.words.say("download", { name: file.name }),
        onclick: () => this.save(file, chip),
      },
      chip,
    );
  }

  chip(name, size, progress) {
    return element(
      "div",
      { class: "chip" },
      icon("file"),
      element(
        "div",
        { class: "chip-words" },
        element("div", { class: "chip-name" }, name),
        element("div", { class: "chip-size" }, this.words.size(size)),
      ),
      progress > 0 && progress < 1 && element("progress", { max: 1, value: progress }),
    );
  }

  /** A picture is fetched when it comes into sight. */
  picture(file) {
    const label = this.words.say("picture", { name: file.name });
    const button = element("button", {
      ...{ type: "button", class: "picture", title: file.name, "aria-label": label },
      onclick: () => this.show(file, button),
    });
    this.pictures.set(button, file);
    this.sight.observe(button);
    return button;
  }

  async load(button) {
    this.sight.unobserve(button);
    try {
      const image = element("img", { src: await this.address(this.pictures.get(button)), alt: "" });
      image.addEventListener("load", () => button.dispatchEvent(new Event("grown", { bubbles: true })));
      button.replaceChildren(image);
    } catch {
      button.replaceChildren(element("span", { class: "missing" }, this.words.say("file_failed")));
    }
  }

  /** The picture as large as the page. */
  async show(file) {
    const dialog = element("dialog", { class: "viewer", "aria-label": file.name });
    const close = () => dialog.close();
    dialog.append(
      element("img", { src: await this.address(file), alt: file.name, onclick: close }),
      element(
        "div",
        { class: "viewer-bar" },
        element("button", { type: "button", onclick: () => this.save(file) }, icon("save"), this.words.say("download", { name: file.name })),
        element("button", { type: "button", onclick: close, "aria-label": this.words.say("cancel") }, icon("close")),
      ),
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  async save(file, chip) {
    try {
      const link = element("a", { href: await this.address(file), download: file.name });
      link.click();
    } catch {
      chip?.querySelector(".chip-size").replaceChildren(this.words.say("file_failed"));
    }
  }

  /** An address of the bytes within this page. Only a picture keeps its kind: nothing else may be opened here. */
  async address(file) {
    if (!file.local) {
      const blob = await this.fetchFile(file.path);
      const type = PICTURES.includes(file.mime) ? file.mime : "application/octet-stream";
      file.local = URL.createObjectURL(new Blob([blob], { type }));
    }
    return file.local;
  }
}
