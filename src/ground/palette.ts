/** The colours of our pages, light and dark. */
export const palette = `:root { color-scheme: light dark; --ground: #f4f5f7; --card: #fff; --ink: #16191d; --soft: #545c66; --line: #d4d9df;
  --link: #0b57a4; --focus: #b45309; --good: #0b6b3a; --good-ground: #e0f3e8; --bad: #a51d1d; --bad-ground: #fbe6e5;
  --open: #7a4d00; --open-ground: #fdf0d3; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --card: #1d2126; --ink: #eceff2; --soft: #a3adb8;
  --line: #363d45; --link: #8fc1ff; --focus: #ffb454; --good: #7fdba6; --good-ground: #12351f; --bad: #ff9d98;
  --bad-ground: #451a1a; --open: #ffcf7a; --open-ground: #3d2c08; } }`;
