/** The line to the server. It comes back by itself, sooner at first and then less often, never all at once. */

const FIRST_DELAY = 2_000;
const LONGEST_DELAY = 30_000;
const WELCOME_WITHIN = 15_000;
const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;

/** Events: `frame` (detail: what came), `state`, and `stranger` when the server does not accept our token. */
export class Connection extends EventTarget {
  /** `hello` makes the first frame of each connection. */
  constructor(url, hello) {
    super();
    this.url = url;
    this.hello = hello;
    this.state = "connecting"; // connecting, open, waiting
    this.retryAt = 0;
    this.failures = 0;
    this.socket = null;
    this.timers = { welcome: 0, retry: 0, ping: 0, pong: 0 };
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.retry();
    });
  }

  open() {
    this.become("connecting");
    const socket = (this.socket = new WebSocket(this.url));
    this.after("welcome", WELCOME_WITHIN, () => this.lose());
    socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "hello", ...this.hello() })));
    socket.addEventListener("message", ({ data }) => this.hear(JSON.parse(data)));
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket !== this.socket) return;
      if (code === 1008 && reason === "token") this.dispatchEvent(new Event("stranger"));
      this.wait();
    });
  }

  /** Whether it went out; only a later answer tells that it arrived. */
  send(frame) {
    if (this.state !== "open") return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Do not wait any longer. */
  retry() {
    if (this.state === "waiting") this.open();
  }

  /** The server is silent although it should not be: as good as no connection. */
  lose() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.wait();
  }

  hear(frame) {
    this.clear("pong");
    this.after("ping", PING_EVERY, () => this.ping());
    if (frame.type === "welcome") {
      this.clear("welcome");
      this.failures = 0;
      this.become("open");
    }
    if (frame.type !== "pong") this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  ping() {
    this.send({ type: "ping" });
    this.after("pong", PONG_WITHIN, () => this.lose());
  }

  wait() {
    Object.keys(this.timers).forEach((name) => this.clear(name));
    const longest = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.failures++);
    const delay = longest * (0.2 + 0.8 * Math.random()); // after a restart everybody comes, but not at once
    this.retryAt = Date.now() + delay;
    this.after("retry", delay, () => this.open());
    this.become("waiting");
  }

  become(state) {
    this.state = state;
    if (state !== "waiting") this.clear("retry");
    this.dispatchEvent(new Event("state"));
  }

  after(name, delay, act) {
    this.clear(name);
    this.timers[name] = setTimeout(act, delay);
  }

  clear(name) {
    clearTimeout(this.timers[name]);
  }
}
