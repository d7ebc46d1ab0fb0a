/** All experiments. */
import { getAll } from './api.js';
import { KeyedTable, element } from './dom.js';
import { name, network, time } from './format.js';

const STATES = ['pending', 'running', 'finished', 'failed', 'cancelled'];

export class ExperimentsView {
  title = 'Experiments';
  breadcrumb = [];
  path = null;
  everyMilliseconds = 3000;

  constructor() {
    const count = (experiment, state) =>
      experiment.runs.find((entry) => name('RUN_STATE_', entry.state) === state)?.runs ?? 0;
    this.table = new KeyedTable('Experiments, the newest first', [
      {
        title: 'experiment', header: true, text: (item) => item.experiment,
        link: (item) => `#/experiments/${encodeURIComponent(item.experiment)}`,
      },
      { title: 'data set', text: (item) => item.spec?.dataSet?.name ?? '–' },
      { title: 'network', text: (item) => network(item.spec) },
      { title: 'submitted', text: (item) => time(item.submittedAt) },
      ...STATES.map((state) => ({ title: state, number: true, text: (item) => String(count(item, state)) })),
    ]);
    this.none = element('p', { hidden: '' }, 'There is none yet. Submit one: ', element('code', {}, './fullrank run FILE --server localhost'));
    this.node = element('div', {}, element('h1', {}, this.title), this.none, this.table.node);
  }

  async load() {
    const experiments = await getAll('experiments', 'experiments');
    this.none.hidden = experiments.length > 0;
    this.table.node.hidden = experiments.length === 0;
    this.table.show(experiments, (item) => item.experiment);
  }

  close() {}
}
