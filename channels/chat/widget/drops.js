/** Files dropped on the page. */

import { element } from "./dom.js";

/** `wanted()` tells whether files are taken at all; `onfiles(files)` takes them. */
export function acceptDrops(page, words, { wanted, onfiles }) {
  const sign = element("div", { class: "drop", hidden: true }, words.say("drop_here"));
  const concerns = (event) => wanted() && event.dataTransfer?.types.includes("Files");
  page.append(sign);
  page.addEventListener("dragover", (event) => {
    if (!concerns(event)) return;
    event.preventDefault();
    sign.hidden = false;
  });
  sign.addEventListener("dragleave", () => {
    sign.hidden = true;
  });
  page.addEventListener("drop", (event) => {
    sign.hidden = true;
    if (!concerns(event)) return;
    event.preventDefault();
    onfiles([...event.dataTransfer.files]);
  });
}
