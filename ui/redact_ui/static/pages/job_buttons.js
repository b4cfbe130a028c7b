// The buttons beside work that is under way or has failed. The lines are made anew every two seconds: whoever is on a
// button with the keyboard stays there.
import { ask } from "./api.js";

const again = (name) => document.querySelector(`.job button[data-job="${CSS.escape(name)}"]`);

export function mount(element) {
  const said = element.querySelector(".jobs-acts") ?? element;
  said.setAttribute("role", "status");
  if (document.documentElement.dataset.jobs) return;
  document.documentElement.dataset.jobs = "";
  let last = null;

  document.addEventListener("click", async ({ target }) => {
    const button = target.closest?.(".job button[data-job]");
    if (!button) return;
    const { job, act } = button.dataset;
    button.disabled = true;
    said.className = "quiet";
    try {
      await ask(`/api/jobs/${job}/${act}`, { method: "POST", body: {} });
      said.textContent = act === "cancel" ? "It will stop." : "It is tried again.";
      setTimeout(() => (said.textContent = ""), 8000);
    } catch (problem) {
      said.className = "said bad";
      said.textContent = problem.code ? `${problem.message} (${problem.code})` : "The server cannot be reached. Try again.";
      button.disabled = false;
    }
  });
  document.addEventListener("pointerdown", () => (last = null));
  document.addEventListener("focusin", ({ target }) => {
    last = target.closest?.(".job button[data-job]")?.dataset.job ?? null;
  });
  new MutationObserver(() => {
    if (last && document.activeElement === document.body) again(last)?.focus();
  }).observe(document.body, { childList: true, subtree: true });
}
