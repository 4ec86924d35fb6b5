// [data-confirm="What will happen"] on a button or link asks before it acts; data-confirm-name="Star Shop" also
// wants that name typed. data-confirm-act is the word on the button, by default the asker's own.
import { word } from "./page.js";

let agreed = null;

document.addEventListener(
  "click",
  (event) => {
    const asker = event.target.closest?.("[data-confirm]");
    if (!asker || asker === agreed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(asker);
  },
  true,
);

function ask(asker) {
  const { confirm: text, confirmName: name, confirmAct } = asker.dataset;
  const dialog = make("dialog", "ask");
  const form = make("form", "");
  form.method = "dialog";
  const said = make("p", "", text);
  said.id = "ask-text";
  dialog.setAttribute("aria-labelledby", said.id);

  const back = make("button", "btn", word("cancel"));
  back.value = "";
  back.formNoValidate = true;
  const go = make("button", "btn btn-danger", confirmAct || asker.textContent.trim());
  go.value = "yes";
  form.append(said);
  if (name) form.append(nameField(name, go));
  const acts = make("div", "ask-acts");
  acts.append(back, go);
  form.append(acts);
  dialog.append(form);
  document.body.append(dialog);

  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue !== "yes") return asker.focus();
    agreed = asker;
    asker.click();
    agreed = null;
  });
  dialog.showModal();
  (dialog.querySelector("input") ?? back).focus();
}

function nameField(name, go) {
  const label = make("label", "", word("type_name").replace("{name}", name));
  const input = make("input", "form-control");
  input.autocomplete = "off";
  go.disabled = true;
  input.addEventListener("input", () => (go.disabled = input.value.trim() !== name));
  label.append(input);
  return label;
}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}
