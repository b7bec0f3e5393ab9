// The customer's own page: the whole history follows what happens.

import { on, watch } from "./live.js";
import { fetchHtml, Refusal } from "./net.js";
import { listenToTimeline, readyWords, showDays } from "./timeline.js";

const page = document.querySelector("[data-customer]");
const stream = document.getElementById("stream");
const timeline = document.getElementById("timeline");
let timer = 0;

async function readEarlier(more) {
  const fresh = await fetchHtml(`/customers/${page.dataset.customer}/earlier?before=${encodeURIComponent(more.dataset.earlier)}`);
  const height = stream.scrollHeight;
  readyWords(fresh);
  more.replaceWith(fresh);
  showDays(timeline);
  stream.scrollTop += stream.scrollHeight - height;
}

// The newest page anew: what is there already stays as it is.
async function refresh() {
  timer = 0;
  try {
    const fresh = await fetchHtml(`/customers/${page.dataset.customer}/earlier`);
    for (const item of [...fresh.querySelectorAll(".item")]) {
      const old = document.getElementById(item.id);
      readyWords(item);
      if (old) old.replaceWith(item);
      else timeline.insertBefore(item, [...timeline.querySelectorAll(".item")].find((other) => other.dataset.place > item.dataset.place) ?? null);
    }
    showDays(timeline);
    document.getElementById("customer-pane").replaceChildren(await fetchHtml(`/customers/${page.dataset.customer}/card`));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

if (timeline) {
  listenToTimeline();
  readyWords(timeline);
  showDays(timeline);
  stream.scrollTop = stream.scrollHeight;
  watch([page.dataset.customer]);
  on("contact entry case customer delivery reset", (event) => {
    if (event.kind !== "reset" && event.customer_id !== page.dataset.customer) return;
    timer ||= setTimeout(refresh, 300);
  });
  timeline.addEventListener("click", (event) => {
    const more = event.target.closest(".earlier");
    if (!more) return;
    event.preventDefault();
    readEarlier(more);
  });
}
