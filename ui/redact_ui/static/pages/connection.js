// On every page of the workbench: says when what the page asks for is not answered, and tells the server which of its
// requests nobody was there for. Loaded before Gradio, whose requests all pass here.
(() => {
  const THERE = 60_000; // ms since the last key, click or turn of the wheel for which somebody counts as there
  const SIGNED_OUT = "You are signed out, or were away for too long. What you do on this page is not noted any more.";
  const UNREACHED = "The server cannot be reached. What you do on this page is not noted until it can.";
  const FAILED = "The server could not do that. Nothing was changed; try again, or tell your administrator.";
  const ask = window.fetch.bind(window);
  let seen = Date.now();
  let banner = null;

  for (const name of ["pointerdown", "keydown", "wheel", "input"]) {
    addEventListener(name, () => (seen = Date.now()), { capture: true, passive: true });
  }

  function say(words, signIn = false) {
    if (banner?.dataset.words === words) return;
    banner?.remove();
    banner = null;
    if (!words) return;
    banner = document.createElement("div");
    banner.className = "away";
    banner.dataset.words = words;
    banner.setAttribute("role", "alert");
    banner.append(words);
    if (signIn) {
      const link = document.createElement("a");
      link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
      link.textContent = "Sign in again";
      banner.append(" ", link);
    }
    document.body.append(banner);
  }

  window.fetch = async (address, options = {}) => {
    const path = new URL(address.url ?? address, location.href).pathname;
    if (!path.endsWith("/queue/join")) return ask(address, options);
    const headers = new Headers(options.headers);
    if (Date.now() - seen > THERE) headers.set("x-by-itself", "1");
    try {
      const response = await ask(address, { ...options, headers });
      if (response.status === 401) say(SIGNED_OUT, true);
      else say(response.status >= 500 ? FAILED : "");
      return response;
    } catch (problem) {
      if (problem.name !== "AbortError") say(UNREACHED);
      throw problem;
    }
  };
})();
