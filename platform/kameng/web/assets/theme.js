// Light or dark before the first paint: the reader's choice, else the system's. A classic script in the head.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function apply() {
    const choice = localStorage.getItem("theme") ?? "auto";
    const theme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
    root.dataset.themeChoice = choice;
    if (root.dataset.bsTheme === theme) return;
    root.dataset.bsTheme = theme;
    root.dispatchEvent(new CustomEvent("theme", { bubbles: true }));
  }

  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-theme-set]");
    if (!button) return;
    localStorage.setItem("theme", button.dataset.themeSet);
    apply();
  });
})();
