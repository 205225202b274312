// Elements without innerHTML: text from the network never becomes markup.

export const $ = (selector) => document.querySelector(selector);

/** el('td', {class: 'number'}, 'text', otherElement) */
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** `heads`: texts; one that begins with '#' stands over numbers. */
export function table(heads, rows) {
  const head = el('tr', null, ...heads.map((h) => (h.startsWith('#')
    ? el('th', { scope: 'col', class: 'number' }, h.slice(1))
    : el('th', { scope: 'col' }, h))));
  return el('table', null, el('thead', null, head), el('tbody', null, ...rows));
}
