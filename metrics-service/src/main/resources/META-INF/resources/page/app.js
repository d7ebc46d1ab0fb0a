/** Shows the view that the address names, and whether it is live. */
import { LiveView } from './api.js';
import { element, setText } from './dom.js';
import { ExperimentView } from './experiment.js';
import { ExperimentsView } from './experiments.js';
import { RunView } from './run.js';

const main = document.getElementById('main');
const connection = document.getElementById('connection');
const breadcrumb = document.getElementById('breadcrumb');

const STATES = {
  connecting: 'Connecting…',
  live: 'Live',
  ended: 'Ended: all is told',
};

let view = null;
let live = null;

function viewOf(address) {
  const [, kind, name] = address.match(/^#\/(experiments|runs)\/([^/]+)$/) ?? [];
  switch (kind) {
    case 'experiments': return new ExperimentView(decodeURIComponent(name));
    case 'runs': return new RunView(decodeURIComponent(name));
    default: return new ExperimentsView();
  }
}

function showBreadcrumb() {
  const entries = [['Experiments', view.breadcrumb.length === 0 ? null : '#/'], ...view.breadcrumb];
  const wanted = JSON.stringify(entries);
  if (breadcrumb.dataset.entries !== wanted) {
    breadcrumb.dataset.entries = wanted;
    breadcrumb.replaceChildren(...entries.map(([text, link]) =>
      element('li', {}, link ? element('a', { href: link }, text) : element('span', { 'aria-current': 'page' }, text))));
  }
}

function showState(state, why) {
  connection.dataset.state = state;
  setText(connection, state === 'broken' ? `Connection lost: ${why}. Trying again…` : STATES[state]);
  main.dataset.state = state;
  showBreadcrumb();
}

function show({ focus }) {
  live?.close();
  view?.close();
  view = viewOf(window.location.hash);
  document.title = `${view.title} – Fullrank`;
  main.replaceChildren(view.node);
  if (focus) {
    main.focus();
  }
  live = new LiveView(view, showState);
}

window.addEventListener('hashchange', () => show({ focus: true }));
document.getElementById('skip').addEventListener('click', (event) => {
  // The address is the view's.
  event.preventDefault();
  main.focus();
});
show({ focus: false });
