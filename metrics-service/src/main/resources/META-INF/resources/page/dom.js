/** Makes an element. Attributes that are null are left out; functions are listeners. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') {
      made.addEventListener(key, value);
    } else if (value !== null && value !== undefined) {
      made.setAttribute(key, value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Sets an element's text if it is another one, so that nothing is announced or selected anew for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/**
 * A table whose rows are updated in place, so that focus, selection and reading position stay.
 *
 * A column is {title, text(item), link?(item), state?(item), number?, header?}.
 */
export class KeyedTable {
  constructor(caption, columns) {
    this.columns = columns;
    this.rows = new Map();
    this.body = element('tbody');
    const heads = columns.map((column) =>
      element('th', { scope: 'col', class: column.number ? 'number' : null }, column.title));
    this.table = element('table', {},
      element('caption', {}, caption),
      element('thead', {}, element('tr', {}, ...heads)),
      this.body);
    // Wide tables scroll on their own, by keyboard too.
    this.node = element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, this.table);
  }

  /** Shows the items in their order; key(item) tells which is which. */
  show(items, key) {
    const present = new Set(items.map(key));
    for (const [known, row] of this.rows) {
      if (!present.has(known)) {
        row.remove();
        this.rows.delete(known);
      }
    }
    items.forEach((item, index) => {
      let row = this.rows.get(key(item));
      if (!row) {
        row = this.#row();
        this.rows.set(key(item), row);
      }
      this.#fill(row, item);
      if (this.body.children[index] !== row) {
        this.body.insertBefore(row, this.body.children[index] ?? null);
      }
    });
  }

  #row() {
    return element('tr', {}, ...this.columns.map((column) => {
      const cell = column.header
        ? element('th', { scope: 'row' })
        : element('td', { class: column.number ? 'number' : null });
      if (column.link) {
        cell.append(element('a'));
      }
      return cell;
    }));
  }

  #fill(row, item) {
    this.columns.forEach((column, index) => {
      const cell = row.children[index];
      setText(column.link ? cell.firstChild : cell, column.text(item));
      if (column.link) {
        cell.firstChild.setAttribute('href', column.link(item));
      }
      if (column.state) {
        cell.dataset.state = column.state(item);
      }
    });
  }
}

/** Calls an action soon, and at most once in so many milliseconds however often it is asked for. */
export function throttled(action, milliseconds) {
  let timer = null;
  let last = -Infinity;
  return () => {
    if (timer === null) {
      timer = setTimeout(() => {
        timer = null;
        last = performance.now();
        action();
      }, Math.max(0, last + milliseconds - performance.now()));
    }
  };
}
