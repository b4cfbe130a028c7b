// On every page of the workbench: reports when the server does not respond, and marks automatic requests made while the
// page is not in use. Loaded before Gradio, whose requests all pass through here.
(() => {
  const ACTIVE = 60_000; // ms after a key, click or scroll for which the page counts as in use
  const SIGNED_OUT = "You are signed out or your session has expired. Changes on this page are no longer saved.";
  const UNREACHED = "The server cannot be reached. Changes on this page are not saved until it can.";
  const FAILED = "The request failed. Nothing was changed. Try again, or tell your administrator.";
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

  /** Shows a banner, or removes it if there is no text. @param {string} text @param {boolean} [signIn] */
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
