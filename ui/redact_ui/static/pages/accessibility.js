// What Gradio's pages lack for whoever uses them by keyboard or screen reader: a title of their own, a word on whether a
// part is unfolded, and lists of choices that Tab does not get lost in.
const TITLE = "Redaction workbench";
let due = false;

function mend() {
  due = false;
  const heading = document.querySelector("h1")?.textContent;
  const title = heading ? `${heading} - ${TITLE}` : TITLE;
  if (document.title !== title) document.title = title;
  for (const button of document.querySelectorAll("button.label-wrap")) {
    const open = String(button.classList.contains("open"));
    if (button.getAttribute("aria-expanded") !== open) button.setAttribute("aria-expanded", open);
  }
  for (const list of document.querySelectorAll("ul.option-list:not([tabindex])")) list.tabIndex = -1;
}

function later() {
  if (!due) requestAnimationFrame(mend);
  due = true;
}

document.documentElement.lang = "en-GB";
new MutationObserver(later).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["class"] });
later();
