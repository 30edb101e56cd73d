/**
 * The only script of /docs: a button on every block of code, and the contents closed where they would fill the screen.
 * Without it the page lacks nothing else.
 */
export const docsScript = `
document.querySelector('nav details').open = matchMedia('(min-width: 64rem)').matches;
for (const block of navigator.clipboard ? document.querySelectorAll('.code') : []) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(block.querySelector('pre').textContent);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  block.append(button);
}
`;
