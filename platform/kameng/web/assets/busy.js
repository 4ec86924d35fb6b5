// A click answers at once: the pressed button looks pressed, a second submit of the same form is dropped, and a
// bar runs on top while the next page is on its way.
const RELEASE_MS = 15000;
const page = document.documentElement;

function release(form) {
  delete form.dataset.busy;
  form.querySelectorAll(".is-busy").forEach((button) => button.classList.remove("is-busy"));
}

function leaving() {
  page.classList.add("is-leaving");
  setTimeout(arrived, RELEASE_MS);
}

function arrived() {
  page.classList.remove("is-leaving");
}

// Capture: before htmx hears of it. A form that answers with a file says data-stays.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (form.method === "dialog" || form.hasAttribute("data-stays")) return;
    if (form.dataset.busy) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    if (form.method !== "get") form.dataset.busy = "yes";
    event.submitter?.classList.add("is-busy");
    leaving();
    setTimeout(release, RELEASE_MS, form);
  },
  true,
);

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button;
  if (!link || elsewhere || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  if (link.origin === location.origin && !(link.hash && link.pathname === location.pathname)) leaving();
});

document.addEventListener("htmx:beforeRequest", ({ target }) => {
  if (!target.matches?.("[data-live-url]")) leaving();
});
document.addEventListener("htmx:afterRequest", ({ target }) => {
  arrived();
  const form = target.closest?.("form");
  if (form) release(form);
});
window.addEventListener("pageshow", () => {
  arrived();
  document.querySelectorAll("form[data-busy]").forEach(release);
});
