// The buttons beside jobs that are running or have failed. Gradio replaces the lines every two seconds; the focus then
// returns to its button.
import { request, textOf } from "./api.js";

const BUTTON = ".job button[data-job]";
const SHOWN = 8000; // ms for which a message is shown

/** The job's button that an event is about. @param {EventTarget | null} target */
function buttonOf(target) {
  const button = target instanceof Element ? target.closest(BUTTON) : null;
  return button instanceof HTMLButtonElement ? button : null;
}

/** @param {HTMLElement} element */
export function mount(element) {
  const place = element.querySelector(".jobs-acts");
  const message = place instanceof HTMLElement ? place : element;
  message.setAttribute("role", "status");
  if (document.documentElement.dataset.jobs) return;
  document.documentElement.dataset.jobs = "true";
  /** @type {string | null} the job whose button had the focus last */
  let focused = null;

  document.addEventListener("click", async ({ target }) => {
    const button = buttonOf(target);
    if (!button) return;
    const { job, act } = button.dataset;
    button.disabled = true;
    message.className = "quiet";
    try {
      await request(`/api/jobs/${job}/${act}`, { method: "POST", body: {} });
      message.textContent = act === "cancel" ? "The job will stop." : "The job will be retried.";
      setTimeout(() => {
        message.textContent = "";
      }, SHOWN);
    } catch (problem) {
      message.className = "said bad";
      message.textContent = textOf(problem);
      button.disabled = false;
    }
  });
  document.addEventListener("pointerdown", () => {
    focused = null;
  });
  document.addEventListener("focusin", ({ target }) => {
    focused = buttonOf(target)?.dataset.job ?? null;
  });
  new MutationObserver(() => {
    if (!focused || document.activeElement !== document.body) return;
    buttonOf(document.querySelector(`.job button[data-job="${CSS.escape(focused)}"]`))?.focus();
  }).observe(document.body, { childList: true, subtree: true });
}
