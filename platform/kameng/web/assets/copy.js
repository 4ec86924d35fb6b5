// [data-copy="text"], or [data-copy-from="#id"] for the text of another element.
import { word } from "./page.js";
import { toast } from "./toast.js";

const SAID_MS = 2000;

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy], [data-copy-from]");
  if (!button) return;
  const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  const done = await copied(source ? source.textContent.trim() : button.dataset.copy);
  if (!done) {
    if (source) getSelection().selectAllChildren(source);
    return toast({ kind: "warn", text: word("copy_by_hand") });
  }
  say(button);
  toast({ kind: "ok", text: word("copied") });
});

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedTheOldWay(text); // no clipboard without TLS, and none in some in-app browsers
  }
}

function copiedTheOldWay(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

function say(button) {
  const label = button.querySelector("[data-label]");
  if (!label || button.dataset.said) return;
  const before = label.textContent;
  button.dataset.said = "yes";
  label.textContent = word("copied");
  setTimeout(() => {
    label.textContent = before;
    delete button.dataset.said;
  }, SAID_MS);
}
