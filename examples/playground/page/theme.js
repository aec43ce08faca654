// Light or dark? What the system prefers, until the button is pressed.

const root = document.documentElement;
const preference = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme || (preference.matches ? "dark" : "light")) === "dark";

/** The button that changes between both; `changed` is called after a change, also of the system's preference. */
export function theme(button, changed) {
  const show = () => (button.textContent = isDark() ? "Light" : "Dark");
  const again = () => {
    show();
    changed();
  };
  button.onclick = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    again();
  };
  preference.addEventListener("change", again);
  show();
}
