// [data-stepper]: a number field between two buttons [data-step="-1"] and [data-step="1"]. The sum beside it,
// [data-total] in the same form, follows: data-ladder="[[1, 990], [10, 950]]" is [from this quantity, unit cents];
// data-choice-cents come on top when a field called data-choice is chosen.
import { each } from "./page.js";

each("[data-stepper]", (stepper) => {
  const input = stepper.querySelector("input");
  const buttons = stepper.querySelectorAll("[data-step]");
  const most = Number(input.max) || Infinity;
  const least = Number(input.min) || 1;
  const within = (count) => Math.min(most, Math.max(least, Math.trunc(count) || least));

  const show = () => {
    const count = within(Number(input.value));
    buttons.forEach((button) => (button.disabled = within(count + Number(button.dataset.step)) === count));
    input.form?.querySelectorAll("[data-total]").forEach((total) => (total.textContent = sum(total, count)));
  };

  buttons.forEach((button) =>
    button.addEventListener("click", () => {
      input.value = within(Number(input.value) + Number(button.dataset.step));
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }),
  );
  const chosen = ({ target }) => {
    if (!input.isConnected) return form.removeEventListener("change", chosen);
    if (target.type === "radio") show();
  };
  const { form } = input;
  form?.addEventListener("change", chosen);
  input.addEventListener("input", show);
  input.addEventListener("change", () => {
    input.value = within(Number(input.value));
    show();
  });
  show();
});

function sum(total, count) {
  const steps = JSON.parse(total.dataset.ladder);
  const [, unit_cents] = steps.filter(([from]) => from <= count).pop() ?? steps[0];
  const choice = total.dataset.choice && total.closest("form").elements[total.dataset.choice];
  const extra_cents = choice?.value ? Number(total.dataset.choiceCents) : 0;
  return `¥${((unit_cents * count + extra_cents) / 100).toLocaleString("en", { minimumFractionDigits: 2 })}`;
}
