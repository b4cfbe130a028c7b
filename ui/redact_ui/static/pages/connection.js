// On every page of the workbench: says when the server does not answer, and marks the requests that the page makes while
// nobody uses it. Loaded before Gradio, whose requests all go through here.
(() => {
  const ACTIVE = 60_000; // ms since the last key, click or turn of the wheel for which somebody counts as present
  const SIGNED_OUT = "You are signed out or your session has expired. Changes on this page are no longer saved.";
  const UNREACHED = "The server cannot be reached. Changes on this page are not saved until it can.";
  const FAILED = "The server could not do that. Nothing was changed. Try again, or tell your administrator.";
  const send = window.fetch.bind(window);
  let active = Date.now();
  /** @type {HTMLElement | null} */
  let banner = null;

  for (const name of ["pointerdown", "keydown", "wheel", "input"]) {
    const seen = () => {
      active = Date.now();
    };
    addEventListener(name, seen, { capture: true, passive: true });
  }

  /** Shows a banner, or takes it away if there is no text. @param {string} text @param {boolean} [signIn] */
  function show(text, signIn = false) {
    if (banner?.dataset.words === text) return;
    banner?.remove();
    banner = null;
    if (!text) return;
    banner = document.createElement("div");
    banner.className = "away";
    banner.dataset.words = text;
    banner.setAttribute("role", "alert");
    banner.append(text);
    if (signIn) {
      const link = document.createElement("a");
      link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
      link.textContent = "Sign in again";
      banner.append(" ", link);
    }
    document.body.append(banner);
  }

  window.fetch = async (address, options = {}) => {
    const path = new URL(address instanceof Request ? address.url : address, location.href).pathname;
    if (!path.endsWith("/queue/join")) return send(address, options);
    const headers = new Headers(options.headers);
    if (Date.now() - active > ACTIVE) headers.set("x-by-itself", "1");
    try {
      const response = await send(address, { ...options, headers });
      if (response.status === 401) show(SIGNED_OUT, true);
      else show(response.status >= 500 ? FAILED : "");
      return response;
    } catch (problem) {
      if (!(problem instanceof DOMException && problem.name === "AbortError")) show(UNREACHED);
      throw problem;
    }
  };
})();
