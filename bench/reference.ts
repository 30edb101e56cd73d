/**
 * The process that `accept` compares with: a bare Fastify route that verifies the same token and does one single-row
 * INSERT. Settings: DATABASE_URL, KEY (an API key in its pasteable form).
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { fastify } from 'fastify';
import pg from 'pg';

type Message = { template_id: string; phone_number: string; personalisation: object };

const key = process.env['KEY'] ?? '';
const secret = key.slice(-36);
const serviceId = key.slice(-73, -37);
// As many connections as the product uses by default.
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 20 });
await pool.query(`create table bench_reference (
  id uuid primary key default gen_random_uuid(),
  service_id uuid not null,
  template_id uuid not null,
  recipient text not null,
  personalisation jsonb not null,
  created_at timestamptz not null default now()
)`);

const app = fastify({ logger: false });

app.post<{ Body: Message }>('/v2/notifications/sms', async (request, reply) => {
  if (!isValid(request.headers.authorization)) return reply.code(403).send({ error: 'Invalid token' });
  const { template_id, phone_number, personalisation } = request.body;
  const { rows } = await pool.query<{ id: string }>(
    `insert into bench_reference (service_id, template_id, recipient, personalisation)
     values ($1, $2, $3, $4) returning id`,
    [serviceId, template_id, phone_number, personalisation],
  );
  return reply.code(201).send({ id: rows[0]!.id, template_id });
});

function isValid(authorization = ''): boolean {
  const [header = '', claims = '', signature = ''] = authorization.slice('Bearer '.length).split('.');
  const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString());
  if (alg !== 'HS256') return false;
  const expected = createHmac('sha256', secret).update(`${header}.${claims}`).digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
  const { iss, iat } = JSON.parse(Buffer.from(claims, 'base64url').toString());
  return iss === serviceId && Math.abs(Math.floor(Date.now() / 1000) - iat) <= 30;
}

process.once('SIGTERM', () => process.exit(0));
console.log(`Reference: ${await app.listen({ host: '127.0.0.1', port: 0 })}`);
