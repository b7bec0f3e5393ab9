/** The visitor's page: it joins the line to the server, what was said, and what is drawn. */

import { Bubbles } from "./bubbles.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { element } from "./dom.js";
import { acceptDrops } from "./drops.js";
import { introduce, leaveForm } from "./forms.js";
import { Header } from "./header.js";
import { Host } from "./host.js";
import { forget, openMemory, recall, remember } from "./keep.js";
import { Line } from "./line.js";
import { Log } from "./log.js";
import { Outbox } from "./outbox.js";
import { explain, isCertain, problemWith } from "./problems.js";
import { fetchWith, upload } from "./transfer.js";
import { Words } from "./words.js";

const TYPES_FOR = 8_000;

class Chat {
  constructor(config) {
    this.host = new Host(config);
    this.words = new Words(config.words[this.host.language], this.host.language);
    this.base = new URL(".", location.href);
    this.token = recall("token") ?? "";
    this.profile = recall("profile") ?? {};
    this.standing = { hours: null, agent: null, queue: null, closed: false };
    this.lines = [];
    this.limits = { text: Infinity, file_size: Infinity, file_types: [] };
    this.title = config.titles[this.host.language] ?? this.words.say("title");
    this.conversation = new Conversation();
    this.connection = new Connection(this.socketAddress(), () => this.hello());
    this.outbox = new Outbox(this.connection, (item, onprogress) =>
      upload({ base: this.base, token: this.token, item, onprogress }),
    );
    this.build(config.embedded);
    this.listen();
    this.draw();
    this.host.listen();
    this.connection.open();
  }

  socketAddress() {
    const address = new URL("ws", this.base);
    address.protocol = address.protocol.replace("http", "ws");
    return address.href;
  }

  hello() {
    const { language, page } = this.host;
    return { token: this.token, last: this.conversation.last, language, page, profile: this.profile };
  }

  build(embedded) {
    const { words } = this;
    document.documentElement.lang = words.language;
    document.title = this.title;
    this.bubbles = new Bubbles(words, fetchWith(this.base, () => this.token));
    this.log = new Log(words, this.bubbles, { onearlier: () => this.lookBack() });
    this.header = new Header(words, {
      title: this.title,
      embedded,
      onclose: () => this.host.close(),
      onintroduce: () => introduce(words, { profile: this.profile, onsave: (who) => this.introduced(who) }),
      ontranscript: () => this.saveTranscript(),
    });
    this.line = new Line(words, this.connection);
    this.composer = new Composer(words, {
      onsend: (text) => this.say({ text }),
      onfiles: (files) => this.sendFiles(files),
      ontyping: (on) => this.connection.send({ type: "typing", on }),
    });
    this.greeting = element(
      "div",
      { class: "greeting" },
      element("h2", {}, words.say("hello")),
      element("p", {}, words.say("hello_more")),
    );
    this.middle = element("div", { class: "middle" }, this.greeting, this.log.node);
    this.page = document.getElementById("chat");
    this.page.append(this.header.node, this.line.node, this.middle, this.composer.node);
    acceptDrops(this.page, this.words, {
      wanted: () => this.limits.file_types.length > 0,
      onfiles: (files) => this.sendFiles(files),
    });
  }

  listen() {
    this.connection.addEventListener("frame", ({ detail }) => this.hear(detail));
    this.connection.addEventListener("state", () => {
      if (this.connection.state !== "open") {
        this.outbox.interrupted();
        this.types(false);
        this.looksBack = false;
        this.draw();
      }
      this.composer.connected(this.connection.state === "open");
    });
    this.connection.addEventListener("stranger", () => {
      forget("token");
      this.token = "";
    });
    this.outbox.addEventListener("change", () => this.draw());
    this.outbox.addEventListener("answer", ({ detail }) => this.hear(detail));
    this.conversation.addEventListener("message", ({ detail }) => this.came(detail));
    document.addEventListener("visibilitychange", () => this.look());
    this.host.addEventListener("show", () => {
      this.look();
      if (matchMedia("(hover: hover)").matches) this.composer.focus();
    });
    this.page.addEventListener("keydown", ({ key, defaultPrevented }) => {
      if (key === "Escape" && !defaultPrevented && !document.querySelector("dialog[open], :popover-open")) this.host.close();
    });
  }

  hear(frame) {
    const acts = {
      welcome: () => this.welcomed(frame),
      past: () => this.past(frame),
      message: () => this.conversation.add(frame),
      received: () => this.received(frame),
      refused: () => this.outbox.heard(frame),
      try_again: () => this.outbox.heard(frame),
      typing: () => this.types(frame.on),
      queue: () => this.stands({ queue: frame.position ? frame : null, closed: false }),
      agent: () => this.answeredBy(frame),
      hours: () => this.stands({ hours: frame }),
      closed: () => this.ended(),
    };
    acts[frame.type]?.();
  }

  welcomed({ visitor, token, last, history, earlier, hours, limits, agent, queue }) {
    this.visitor = visitor;
    if (token) {
      this.token = token;
      remember("token", token);
    }
    this.limits = limits;
    this.composer.limit(limits);
    if (!this.conversation.last.length) this.conversation.earlier = earlier;
    last.forEach((seq) => this.conversation.reach(seq));
    this.restoring = true;
    history.forEach((message) => this.conversation.add(message));
    this.restoring = false;
    this.standing = { ...this.standing, hours, agent, queue };
    this.line.draw();
    this.draw();
    this.look();
    this.page.dataset.ready = "yes";
    this.log.speakUp();
    this.outbox.pump();
  }

  lookBack() {
    if (this.looksBack || !this.conversation.earlier) return;
    this.looksBack = this.connection.send({ type: "earlier", before: this.conversation.earlier });
    this.draw();
  }

  /** Between letters and calls there may be a long stretch without a word said here: then go on. */
  past(frame) {
    this.looksBack = false;
    this.restoring = true;
    this.conversation.addPast(frame);
    this.restoring = false;
    this.log.putBefore(() => this.draw(), frame.history.length);
    this.look();
    if (!frame.history.length) this.lookBack();
  }

  received({ id, seq, at }) {
    const item = this.outbox.items.find((one) => one.id === id);
    this.outbox.done(id);
    if (!item) return;
    this.conversation.add({ seq, id, at, own: true, name: "", text: item.text, files: this.filesOf(item) });
    if (item.leave) this.note("left");
  }

  filesOf({ id, file }) {
    if (!file) return [];
    const { name, type, size } = file;
    return [{ name, size, mime: type, path: `files/${this.visitor}-${id}/0`, local: URL.createObjectURL(file) }];
  }

  came(message) {
    if (message.own) {
      const waiting = this.outbox.items.find(({ id }) => id === message.id);
      if (waiting) this.outbox.done(message.id);
      this.host.spoke();
    } else {
      this.types(false);
    }
    if (this.restoring) return;
    this.log.came(message.own);
    this.draw();
    this.look();
  }

  /** What is in sight is seen; what is not is counted. */
  look() {
    const unseen = this.conversation.unseen();
    if (this.host.shown && document.visibilityState === "visible") {
      for (const seq of unseen) if (this.connection.send({ type: "seen", seq })) this.conversation.seen(seq);
      remember("seen", this.conversation.last);
      this.host.unread(0);
    } else {
      const seen = recall("seen") ?? [];
      this.host.unread(this.conversation.newerThan(seen));
    }
  }

  say(item) {
    this.log.came(true);
    this.outbox.add(item);
  }

  sendFiles(files) {
    for (const file of files) this.say({ file, problem: problemWith(file, this.limits) });
  }

  introduced(who) {
    this.profile = who;
    remember("profile", who);
    this.connection.send({ type: "profile", ...who });
  }

  left({ text, ...who }) {
    this.introduced(who);
    remember("draft", "");
    this.composer.clear();
    this.say({ text, leave: who });
  }

  types(on) {
    clearTimeout(this.typingEnds);
    const name = this.standing.agent?.name;
    const text = name ? this.words.say("typing", { name }) : this.words.say("typing_nobody");
    this.log.types(on ? text : "");
    if (on) this.typingEnds = setTimeout(() => this.types(false), TYPES_FOR);
  }

  answeredBy(agent) {
    const before = this.standing.agent?.name;
    this.stands({ agent: agent.name ? agent : null, closed: false });
    if (agent.present && agent.name && agent.name !== before) this.note("joined", { name: agent.name });
  }

  ended() {
    this.stands({ closed: true, agent: null, queue: null });
    this.note("ended");
  }

  note(name, places) {
    const at = new Date();
    this.lines.push({ name: `line ${this.lines.length}`, line: this.words.say(name, places), at });
    this.draw();
  }

  stands(news) {
    this.standing = { ...this.standing, ...news };
    this.draw();
  }

  draw() {
    const { hours } = this.standing;
    const { messages } = this.conversation;
    const silent = !messages.length && !this.outbox.items.length && !this.conversation.earlier;
    const leave = silent && hours && !hours.open;
    this.header.tell(this.standing);
    this.log.offerEarlier(this.conversation.earlier > 0, Boolean(this.looksBack));
    this.log.draw(messages, silent ? [] : this.lines, this.outbox.items, (item) => this.lookOf(item));
    this.greeting.hidden = !silent || leave;
    this.log.node.hidden = silent;
    this.drawLeaveForm(leave);
    this.composer.show(!leave);
    this.composer.say(leave ? "" : this.notice());
  }

  drawLeaveForm(wanted) {
    if (!wanted) {
      this.form?.remove();
      this.form = null;
    } else if (!this.form) {
      this.form = leaveForm(this.words, {
        profile: this.profile,
        textLimit: this.limits.text,
        opensAt: this.standing.hours.opens_at,
        draft: recall("draft") ?? "",
        onleave: (message) => this.left(message),
        ondraft: (text) => remember("draft", text),
      });
      this.middle.append(this.form);
    }
  }

  notice() {
    const { hours } = this.standing;
    if (this.outbox.busy) return this.words.say("busy");
    if (!hours || hours.open) return "";
    if (!hours.opens_at) return this.words.say("away_notice");
    return this.words.say("away_notice_until", { when: this.words.ahead(new Date(hours.opens_at)) });
  }

  /** How an item looks that has not been received. */
  lookOf(item) {
    const remove = () => this.outbox.remove(item.id);
    if (!item.problem) {
      const state = this.connection.state === "open" && !this.outbox.busy ? "sending" : "waiting";
      return { state, remove };
    }
    const again = isCertain(item.problem) ? null : () => this.outbox.again(item.id);
    return { state: "failed", problem: explain(item.problem, this.limits, this.words), remove, again };
  }

  async saveTranscript() {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const query = new URLSearchParams({ language: this.words.language, timezone: zone });
    const blob = await fetchWith(this.base, () => this.token)(`transcript?${query}`);
    const link = element("a", { href: URL.createObjectURL(blob), download: `${this.words.say("conversation")}.txt` });
    link.click();
  }
}

const config = JSON.parse(document.getElementById("config").textContent);
await openMemory(config.embedded);
new Chat(config);
