// Parts of a form that count for some values of one of its fields only: <fieldset data-only-for="owner" data-values="a b">.
// A part that does not count is hidden, and disabled, so that it is neither asked for nor sent.
import { each } from "../../platform/kameng/web/assets/page.js";

each("[data-only-for]", (part) => {
  const field = part.closest("form").elements[part.dataset.onlyFor];
  const values = part.dataset.values.split(" ");
  const follow = () => {
    part.hidden = part.disabled = !values.includes(field.value);
  };
  field.addEventListener("change", follow);
  follow();
});
