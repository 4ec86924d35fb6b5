// form[data-guard]: leaving with unsaved changes asks first.
import { word } from "./page.js";

const drawn = new WeakMap();

// A chosen file counts by its name: as a text all files are alike.
const said = ([name, value]) => [name, value.name ?? value];
const state = (form) => new URLSearchParams([...new FormData(form)].map(said)).toString();

/** Whether any guarded form under `root` differs from what the server drew. */
export const unsaved = (root) =>
  [...root.querySelectorAll("form[data-guard]")].some((form) => drawn.has(form) && drawn.get(form) !== state(form));

/** True when nothing is unsaved under `root`, or the person gives it up. */
export const mayLeave = (root) => !unsaved(root) || window.confirm(word("unsaved"));

// The first touch of a form comes before its first change, so that is when to remember what stood there.
for (const touch of ["focusin", "pointerdown"]) {
  document.addEventListener(touch, ({ target }) => {
    const form = target.closest?.("form[data-guard]");
    if (form && !drawn.has(form)) drawn.set(form, state(form));
  });
}
document.addEventListener("submit", ({ target }) => drawn.delete(target));
window.addEventListener("beforeunload", (event) => {
  if (unsaved(document)) event.preventDefault();
});
