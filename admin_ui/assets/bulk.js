// Selecting rows: [data-bulk] is the form around a table; input[data-all] selects the page, and the bar
// [data-bulk-bar] appears with the count in [data-bulk-count] while anything is selected.
const rowsOf = (form) => [...form.querySelectorAll('tbody input[type="checkbox"][name]')];

function show(form) {
  const rows = rowsOf(form);
  const chosen = rows.filter((box) => box.checked).length;
  const bar = form.querySelector("[data-bulk-bar]");
  const all = form.querySelector("[data-all]");
  if (bar) bar.hidden = chosen === 0;
  form.querySelectorAll("[data-bulk-count]").forEach((count) => (count.textContent = chosen));
  if (all) {
    all.checked = chosen > 0 && chosen === rows.length;
    all.indeterminate = chosen > 0 && chosen < rows.length;
  }
}

document.addEventListener("change", ({ target }) => {
  const form = target.closest?.("[data-bulk]");
  if (!form) return;
  if (target.matches("[data-all]")) rowsOf(form).forEach((box) => (box.checked = target.checked));
  show(form);
});

document.addEventListener("click", ({ target }) => {
  const form = target.closest?.("[data-bulk-clear]")?.closest("[data-bulk]");
  if (!form) return;
  rowsOf(form).forEach((box) => (box.checked = false));
  show(form);
});

window.addEventListener("pageshow", () => document.querySelectorAll("[data-bulk]").forEach(show));
