// The preview beside a form: drawn anew when the draft was kept, as wide as a phone or a desktop.
import { each } from "../../platform/kameng/web/assets/page.js";
import { toast } from "../../platform/kameng/web/assets/toast.js";

each("[data-redraws]", (asker) => {
  asker.addEventListener("htmx:afterRequest", ({ detail, target }) => {
    if (target !== asker || !detail.successful) return;
    document.querySelector(asker.dataset.redraws)?.querySelector("iframe")?.contentWindow.location.reload();
  });
});

each("[data-preview]", (preview) => {
  const box = preview.querySelector(".preview-window");
  const frame = preview.querySelector("iframe");
  const buttons = [...preview.querySelectorAll("[data-preview-width]")];
  let width = 360;

  // A page wider than its window is shown smaller, whole.
  function fit() {
    const scale = Math.min(1, box.clientWidth / width);
    Object.assign(frame.style, {
      width: `${width}px`,
      maxWidth: "none",
      height: `${box.clientHeight / scale}px`,
      transformOrigin: "0 0",
      transform: scale < 1 ? `scale(${scale})` : "none",
      margin: scale < 1 ? "0" : "0 auto",
    });
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      width = Number(button.dataset.previewWidth);
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      fit();
    });
  }
  new ResizeObserver(fit).observe(box);
});

// A file that would be refused for its size is not sent first. Seen before htmx sees it.
document.addEventListener(
  "change",
  (event) => {
    const { mostBytes, tooLarge } = event.target.dataset ?? {};
    if (!mostBytes || !(event.target.files?.[0]?.size > Number(mostBytes))) return;
    event.stopPropagation();
    event.target.value = "";
    toast({ kind: "error", text: tooLarge });
  },
  true,
);

// A button that puts a value into a field, as if it had been typed.
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-put]");
  const field = button && document.querySelector(button.dataset.into);
  if (!field) return;
  field.value = button.dataset.put;
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
