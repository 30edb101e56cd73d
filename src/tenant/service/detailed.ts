import { type Static, type TSchema, Type } from 'typebox';
import { type ServiceRecord, serviceSchema, showService } from './record.ts';

/** Services with figures (spec 04, section 1.3). The figures come from a later district, so they are handed in. */

export const figuresSchema = Type.Object(
  { requested: Type.Integer(), delivered: Type.Integer(), failed: Type.Integer() },
  { $id: 'Figures', description: 'What is in none of the last two is under way.' },
);

/** Figures of each type, zeros included. */
export const statisticsSchema = Type.Object(
  { sms: figuresSchema, email: figuresSchema, letter: figuresSchema },
  { $id: 'Statistics' },
);
export type Statistics = Static<typeof statisticsSchema>;

/** Days in the business zone (YYYY-MM-DD), both included. `testKeys`: whether their messages count. */
export type StatisticsOf = Readonly<{ from: string; to: string; testKeys: boolean }>;

/** Statistics by service, one for each id. */
export type ReadStatistics = (
  serviceIds: readonly string[],
  of: StatisticsOf,
  left: AbortSignal,
) => Promise<ReadonlyMap<string, Statistics>>;

const { users: _u, created_by: _c, organisation: _o, branding: _b, ...shown } = serviceSchema.properties;
export const detailedSchema: TSchema = Type.Object(
  { ...shown, statistics: statisticsSchema },
  { $id: 'DetailedService' },
);

export function showDetailed(service: ServiceRecord, statistics: Statistics | undefined) {
  const { users, created_by, organisation, branding, ...fields } = showService(service);
  return { ...fields, statistics };
}
