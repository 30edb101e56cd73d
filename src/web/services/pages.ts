import { html } from '../../ground/html.ts';
import { heading, paragraph, table, tag } from '../components/content.ts';
import { link } from '../components/navigation.ts';
import { openPage, type Page, page, personPage, redirect } from '../frame/page.ts';

type ServiceEntry = Readonly<{ id: string; name: string; restricted: boolean; active: boolean }>;

const start = openPage('/', {
  get: () => redirect('/services'),
});

/** One's services (spec 07, section 6). */
const services = personPage('/services', {
  async get({ api, person }) {
    const { data } = await api.get<{ data: readonly ServiceEntry[] }>(`/service?user_id=${person.id}`);
    const rows = data.map(({ id, name, restricted, active }) => [
      { content: link(`/services/${id}`, html`<span dir="auto">${name}</span>`), header: true },
      !active ? tag('Suspended', 'open') : restricted ? tag('Trial', 'open') : tag('Live', 'good'),
    ]);
    return page(
      'Your services',
      html`${heading(1, 'Your services')}${table({ caption: 'Services', head: ['Service', 'State'], rows, empty: 'You are not a member of any service yet.' })}${paragraph(link('/services/add', 'Add a service'))}`,
    );
  },
});

export const servicesPages: readonly Page[] = [start, services];
