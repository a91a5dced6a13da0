/* Without JavaScript every link and form still works. */
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  if (navigator.share) root.classList.add("can-share");

  const FIELD = "input:not([type=hidden]):not(:disabled), select, textarea";
  const TYPED = "textarea, input:not([type=radio]):not([type=checkbox]):not([type=hidden])";
  const sheet = () => document.getElementById("sheet");
  const on = (name, act, capture) => document.addEventListener(name, act, capture);
  let opener = null;
  let typed = false;
  let turn = Promise.resolve();

  /* With the dialog open all else is silent. */
  function say(text, bad) {
    const place = document.querySelector(sheet()?.open ? ".sheet-say" : "#say");
    if (!place) return;
    const note = document.createElement("p");
    note.className = `notice notice-${bad ? "bad" : "good"}`;
    note.textContent = text;
    place.replaceChildren(note, ...place.querySelectorAll("form"));
  }

  /* The dialog */

  function show() {
    const box = sheet();
    const title = box.querySelector("h1, h2");
    if (title) {
      title.id ||= "sheet-title";
      title.tabIndex = -1;
      box.setAttribute("aria-labelledby", title.id);
    }
    if (!box.querySelector(".sheet-say")) {
      const place = document.createElement("div");
      place.className = "sheet-say";
      place.setAttribute("role", "status");
      (box.querySelector(".sheet-head") || box.firstElementChild)?.after(place);
    }
    if (!box.open) box.showModal();
    const first = ["[aria-invalid=true]", "[autofocus]", FIELD].map((which) => box.querySelector(which));
    (first.find(Boolean) || title || box).focus();
  }

  function mayClose() {
    const words = typed && [...sheet().querySelectorAll(TYPED)].some((field) => field.value.trim());
    return !words || window.confirm(sheet().dataset.discard);
  }

  function closeSheet() {
    typed = false;
    if (sheet()?.open) sheet().close();
  }

  /* In turn: an answer may replace the page, and the next request with it. */
  function ask(verb, address, values) {
    const go = () => window.htmx.ajax(verb, address, { source: sheet(), target: sheet(), swap: "innerHTML", values });
    return (turn = turn.then(go).catch(() => {}));
  }

  const leads = (address) => new URL(address).pathname !== location.pathname;
  const parse = (html) => new DOMParser().parseFromString(html, "text/html");

  /* A whole page in answer becomes the page. */
  function become(html, address) {
    const page = parse(html);
    const here = document.activeElement;
    const again = here?.id && !sheet().open ? here : opener;
    const moved = leads(address);
    const said = [...page.querySelectorAll("#say > *")];
    for (const one of said) one.remove();
    history.replaceState(null, "", address);
    closeSheet();
    document.title = page.title;
    document.body.replaceChildren(...page.body.childNodes);
    window.htmx.process(document.body);
    ready();
    const same = document.getElementById(again?.id || "-") || match(again);
    if (moved) window.scrollTo(0, 0);
    (same || document.getElementById("main")).focus({ preventScroll: true });
    /* A status region speaks of what comes later. */
    setTimeout(() => document.getElementById("say")?.append(...said), 100);
  }

  /* What does the same on this page. */
  function match(one) {
    const form = one?.form && [...document.forms].find((other) => other.action === one.form.action);
    return form ? form.querySelector("button") : one?.href && [...document.links].find((other) => other.href === one.href);
  }

  on("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    const plain = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!link || !plain || !window.htmx || !sheet()?.showModal) return;
    event.preventDefault();
    if (!sheet().contains(link)) opener = link;
    typed = false;
    ask("get", link.href);
  });
  on("click", (event) => {
    const box = sheet();
    if (!box?.contains(event.target) || !(event.target === box || event.target.closest("[data-close], .sheet-close"))) return;
    event.preventDefault();
    if (!mayClose()) return;
    closeSheet();
    /* To a place below. */
    const link = event.target.closest("a[href*='#']");
    if (link) opener = null, location.assign(link.href);
  });
  on("cancel", (event) => {
    if (event.target === sheet() && !mayClose()) event.preventDefault();
  }, true);
  on("close", (event) => {
    if (event.target !== sheet()) return;
    typed = false;
    sheet().replaceChildren();
    (opener?.isConnected ? opener : match(opener))?.focus();
  }, true);
  on("closeSheet", closeSheet);
  on("input", (event) => {
    if (sheet()?.contains(event.target) && event.target.matches(TYPED)) typed = true;
  });

  on("htmx:beforeSwap", ({ detail }) => {
    const address = detail.xhr.responseURL;
    if (!/<html/i.test(detail.serverResponse)) return;
    detail.shouldSwap = false;
    if (detail.xhr.status >= 400) return;
    if (detail.requestConfig.verb !== "get" || !leads(address)) become(detail.serverResponse, address);
    else if (detail.target === sheet()) location.assign(address);
    else location.reload();
  });
  on("htmx:afterSettle", ({ detail }) => {
    if (detail.target !== sheet()) detail.xhr?.status === 422 && focusBad(detail.target);
    else if (sheet().childElementCount) show();
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    on(name, ({ detail }) => {
      const { verb, path } = detail.requestConfig;
      if (detail.target === sheet() && verb === "get") location.assign(path);
      else say(parse(detail.xhr?.responseText).querySelector("main p")?.textContent || sheet()?.dataset.failed, true);
    });
  }

  /* Forms */

  /* Buttons a turn later: the pressed one's value is sent. */
  function busy(form, state) {
    if (!form?.elements) return;
    form.ariaBusy = state;
    setTimeout(() => {
      for (const one of form.elements) if (one.type === "submit") one.disabled = state;
    });
  }

  on("submit", (event) => {
    const form = event.target;
    const sentence = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.ariaBusy === "true") return event.preventDefault();
    if (sentence && !window.confirm(sentence)) return event.preventDefault();
    const quiet = sheet()?.contains(form) || "quiet" in form.dataset;
    if (window.htmx && quiet && form.method === "post") {
      event.preventDefault();
      if (!sheet().contains(form)) opener = event.submitter;
      const values = new FormData(form, event.submitter);
      ask("post", form.getAttribute("action") || location.href, values).finally(() => busy(form, false));
    }
    if (!form.target) busy(form, true);
  });
  on("htmx:beforeRequest", ({ target }) => busy(target.form || target, true));
  on("htmx:afterRequest", ({ target }) => busy(target.form || target, false));
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of document.forms) busy(form, false);
  });
  on("reset", ({ target }) => target.querySelector("select")?.focus());
  const focusBad = (place) => place.querySelector("[aria-invalid=true]")?.focus();

  async function copy(button) {
    const { copy: text, copied } = button.dataset;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      /* No clipboard outside https. */
      return window.prompt(button.textContent.trim(), text);
    }
    say(copied);
  }
  on("click", ({ target }) => {
    const button = target.closest("[data-copy], [data-share], [data-print]");
    if (button?.dataset.copy) copy(button);
    else if (button?.dataset.share)
      navigator.share({ title: button.dataset.title, text: button.dataset.text, url: button.dataset.share }).catch(() => {});
    else if (button) window.print();
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = menu.contains(target);
  });
  on("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (sheet()?.open) return event.preventDefault(), mayClose() && closeSheet();
    const menu = document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.firstElementChild.focus();
  });

  function ready() {
    for (const tabs of document.querySelectorAll(".tabs")) {
      const tab = tabs.querySelector("[aria-current]");
      if (tab) tabs.scrollLeft = tab.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
    }
  }
  on("DOMContentLoaded", () => {
    ready();
    focusBad(document);
  });
})();
