// "/" goes to the search field. Esc closes the drawer or dialog: the browser does that.
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || writing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = document.querySelector("[data-search] input[type=search]");
  if (!field || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// j and k go down and up the rows of a list (a[data-row]), Enter opens one; r goes to the answer, Ctrl+Enter sends it.
document.addEventListener("keydown", (event) => {
  const answer = event.target.closest("[data-reply]");
  if (answer && event.key === "Enter" && (event.ctrlKey || event.metaKey)) return answer.form.requestSubmit();
  const writing = event.target.closest("input, textarea, select, [contenteditable]");
  if (writing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const rows = [...document.querySelectorAll("a[data-row]")];
  const step = { j: 1, k: -1 }[event.key];
  if (step && rows.length) {
    const at = rows.indexOf(document.activeElement);
    rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)].focus();
  } else if (event.key === "r") {
    const field = document.querySelector("[data-reply]");
    if (!field) return;
    event.preventDefault();
    field.focus();
  }
});

// The folded menu of a phone closes when one looks elsewhere.
document.addEventListener("click", ({ target }) => {
  document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
    if (!menu.contains(target)) menu.open = false;
  });
});
