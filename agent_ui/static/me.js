// My settings: what this browser does when a case is offered.

import { attempt, post, toast } from "./net.js";
import { gettext } from "./words.js";

for (const box of document.querySelectorAll("[data-local]")) {
  const key = box.dataset.local;
  box.checked = localStorage.getItem(key) === "on";
  box.addEventListener("change", async () => {
    if (key === "notify" && box.checked && (await Notification.requestPermission()) !== "granted") {
      box.checked = false;
      toast(gettext("The browser does not allow notifications from this site."), "danger");
    }
    localStorage.setItem(key, box.checked ? "on" : "off");
  });
}

for (const form of document.querySelectorAll("form[data-sends]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => {
      await post(form.action, new FormData(form));
      form.reset();
      toast(gettext("Saved."));
    }, form.querySelector("button"));
  });
}
