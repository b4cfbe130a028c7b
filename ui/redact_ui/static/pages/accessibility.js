// Adds what Gradio's pages lack for people who use the keyboard or a screen reader: a title for each page, the state of
// each section (open or closed), and lists that Tab can leave.
const TITLE = "Redaction workbench";
let scheduled = false;

function improve() {
  scheduled = false;
  const heading = document.querySelector("h1")?.textContent;
  const title = heading ? `${heading} - ${TITLE}` : TITLE;
  if (document.title !== title) document.title = title;
  for (const button of document.querySelectorAll("button.label-wrap")) {
    const open = String(button.classList.contains("open"));
    if (button.getAttribute("aria-expanded") !== open) button.setAttribute("aria-expanded", open);
  }
  for (const list of document.querySelectorAll("ul.option-list:not([tabindex])")) list.setAttribute("tabindex", "-1");
}

function schedule() {
  if (!scheduled) requestAnimationFrame(improve);
  scheduled = true;
}

document.documentElement.lang = "en-GB";
new MutationObserver(schedule).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["class"] });
schedule();

