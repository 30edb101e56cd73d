import { fillDevelopers } from './fill-developers.ts';
import { fillMessages } from './fill-messages.ts';
import { fillPlatform } from './fill-platform.ts';
import { fillReceived } from './fill-received.ts';
import { fillTeam } from './fill-team.ts';
import { fillTemplates } from './fill-templates.ts';
import { fillUploads } from './fill-uploads.ts';
import { fillUsage } from './fill-usage.ts';

/** What the pages of a service need there to be, by room; each returns the ids for its paths. */
export const serviceFills = [
  ...[fillDevelopers, fillMessages, fillReceived, fillTeam, fillTemplates, fillUploads],
  fillUsage,
];

/** What all pages need there to be. The last leaves messages that never end. */
export const fills = [...serviceFills, fillPlatform];
