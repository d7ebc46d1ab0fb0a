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

/** Makes an element of SVG. */
export function drawing(name, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/**
 * The children of an element, one for each of some items, updated in place, so that focus, selection and reading position stay.
 *
 * make() gives {node, fill(item)} for an item that is new.
 */
export class KeyedChildren {
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
    this.known = new Map();
  }

  /** Shows the items in their order; key(item) tells which is which. */
  show(items, key) {
    const present = new Set(items.map(key));
    for (const [known, { node }] of this.known) {
      if (!present.has(known)) {
        node.remove();
        this.known.delete(known);
      }
    }
    items.forEach((item, index) => {
      let child = this.known.get(key(item));
      if (!child) {
        child = this.make();
        this.known.set(key(item), child);
      }
      child.fill(item);
      if (this.parent.children[index] !== child.node) {
        this.parent.insertBefore(child.node, this.parent.children[index] ?? null);
      }
    });
  }
}

/**
 * A table whose rows are updated in place.
 *
 * A column is {title, text(item), link?(item), state?(item), number?, header?}.
 */
export class KeyedTable {
  constructor(caption, columns) {
    this.columns = columns;
    this.body = element('tbody');
    this.rows = new KeyedChildren(this.body, () => {
      const node = this.#row();
      return { node, fill: (item) => this.#fill(node, item) };
    });
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
    this.rows.show(items, key);
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
