// What every page needs first: its words, the CSRF header, and what htmx says when a request fails.
import htmx from "htmx.org";
import { toast } from "./toast.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`);

const words = JSON.parse(meta("kameng-words")?.content ?? "{}");

/** The page's own wording of `key`, in the reader's language; layout/parts/head.html lists the keys. */
export const word = (key) => words[key] ?? key;

/** Call `arm(element)` for each match now and in whatever htmx brings later. */
export function each(selector, arm) {
  htmx.onLoad((root) => {
    if (root.matches?.(selector)) arm(root);
    root.querySelectorAll(selector).forEach(arm);
  });
}

document.addEventListener("htmx:configRequest", ({ detail }) => {
  const token = meta("csrf-token");
  if (token && detail.verb !== "get") detail.headers["X-CSRF-Token"] = token.content;
});

// What refreshes by itself tries again by itself: no message for each try.
const quiet = (detail) => detail.elt?.matches("[data-live-url]");

document.addEventListener("htmx:responseError", ({ detail }) => {
  if (quiet(detail)) return;
  if (detail.xhr.status === 401) return location.reload();
  const told = detail.xhr.getResponseHeader("X-Error-Text");
  toast({ kind: "error", text: told ? decodeURIComponent(told) : word("failed") });
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, ({ detail }) => quiet(detail) || toast({ kind: "error", text: word("offline") }));
}
