// Rows of a form that can be added and taken away: [data-rows] holds [data-row]s, [data-row-add] adds a copy of the last one
// with nothing in it, [data-row-drop] takes its row away. Without scripts there is always one empty row.
import { each } from "../../platform/kameng/web/assets/page.js";

const told = (rows) => rows.dispatchEvent(new Event("input", { bubbles: true }));

function emptied(row) {
  const copy = row.cloneNode(true);
  copy.querySelectorAll(".invalid-feedback").forEach((said) => said.remove());
  copy.querySelectorAll("input").forEach((input) => (input.value = ""));
  copy.querySelectorAll("select").forEach((select) => (select.selectedIndex = 0));
  return copy;
}

each("[data-rows]", (rows) => {
  rows.querySelectorAll("[data-row-add], [data-row-drop]").forEach((button) => (button.hidden = false));
  rows.addEventListener("click", ({ target }) => {
    const all = rows.querySelectorAll("[data-row]");
    const last = all[all.length - 1];
    if (target.closest("[data-row-add]")) {
      last.after(emptied(last));
      last.nextElementSibling.querySelector("input")?.focus();
      told(rows);
    }
    const dropped = target.closest("[data-row-drop]")?.closest("[data-row]");
    if (!dropped) return;
    if (all.length === 1) dropped.after(emptied(dropped));
    dropped.remove();
    told(rows);
  });
});
