// Who calls: a card on every page while this employee's telephone rings or he talks.

import { on } from "./live.js";
import { fetchHtml, Refusal } from "./net.js";

const place = document.getElementById("ringing");
let timer = 0;

async function read() {
  const fresh = await fetchHtml("/fragments/ringing");
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : "";
  place.replaceChildren(fresh);
  if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

function soon(wait = 0) {
  timer ||= setTimeout(() => {
    timer = 0;
    read().catch((error) => {
      if (!(error instanceof Refusal)) throw error;
      soon(2000);
    });
  }, wait);
}

export function listenToRinging() {
  const me = document.body.dataset.me;
  on("ringing", (event) => {
    if (event.employee_id === me) soon();
  });
  // The call has become a contact: from now on it has a case to open.
  on("contact", (event) => {
    if (event.channel === "phone" && place.querySelector(`[data-ring="${CSS.escape(event.contact_id)}"]`)) soon(100);
  });
  on("reset", () => soon());
  soon();
}
