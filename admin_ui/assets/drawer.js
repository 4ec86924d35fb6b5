// <dialog id="drawer"> shows a row's detail beside its list. Links load it by htmx into #drawer-body and push
// their address; closing, or going back, returns to the list's address without a reload.
import { mayLeave } from "../../platform/kameng/web/assets/guard.js";

const drawer = document.getElementById("drawer");
const body = document.getElementById("drawer-body");
let opener = null;

if (drawer) {
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { target, elt } = event.detail;
    if (target !== body || body.contains(elt)) return;
    opener = elt;
    body.replaceChildren(document.getElementById("drawer-skeleton").content.cloneNode(true));
    mark(elt);
    if (!drawer.open) drawer.showModal();
  });
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target === body) body.scrollTop = 0;
  });
  for (const name of ["htmx:responseError", "htmx:sendError"]) {
    document.addEventListener(name, ({ detail }) => {
      if (detail.target === body && !body.contains(detail.elt)) shut();
    });
  }

  drawer.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });
  drawer.addEventListener("click", (event) => {
    const beside = event.target === drawer;
    if (beside || event.target.closest("[data-close-drawer]")) {
      event.preventDefault();
      leave();
    }
  });

  // Before htmx's own: it would load the whole list anew.
  window.addEventListener(
    "popstate",
    (event) => {
      if (!drawer.open) return;
      event.stopImmediatePropagation();
      shut();
    },
    true,
  );
}

let listAddress = location.href;
document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  if (detail.target !== body && detail.elt !== body && !drawer?.open) return;
  if (!drawer.dataset.pushed) {
    drawer.dataset.pushed = "yes";
    listAddress = location.href;
  }
});

function leave() {
  if (!mayLeave(drawer)) return;
  if (drawer.dataset.pushed && location.href !== listAddress) return history.back();
  shut();
}

function shut() {
  delete drawer.dataset.pushed;
  drawer.close();
  body.replaceChildren();
  mark(null);
  opener?.focus({ preventScroll: true });
}

function mark(link) {
  document.querySelectorAll("tr.is-open").forEach((row) => row.classList.remove("is-open"));
  link?.closest("tr")?.classList.add("is-open");
}
