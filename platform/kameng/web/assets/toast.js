// Short messages. The server sends one with the header HX-Trigger: {"toast": {"text": "…", "kind": "ok"}}.
const SHOWN_MS = 5000;
const ICONS = { ok: "circle-check", info: "info-circle", warn: "alert-triangle", error: "alert-circle" };

/** kind: ok | info | warn | error. An error stays until it is clicked; the others leave by themselves. */
export function toast({ text, kind = "info" }) {
  const region = document.querySelector(".toasts");
  if (!region || !text) return;
  const note = document.createElement("div");
  note.className = `toast-note toast-${kind}`;
  note.append(icon(region.dataset.icons, ICONS[kind] ?? ICONS.info), text);
  note.addEventListener("click", () => note.remove());
  region.append(note);
  if (kind !== "error") setTimeout(() => note.remove(), SHOWN_MS);
}

function icon(sprite, name) {
  const SVG = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

document.addEventListener("toast", ({ detail }) => toast(detail));
document.addEventListener("click", ({ target }) => target.closest?.(".toasts > .toast-note")?.remove());
