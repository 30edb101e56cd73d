import { type Child, unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { type Server, startServer } from './server.ts';

/** One process of the installation, as it is started each time. */
type Post = Readonly<{ name: string; roles: string; environment: Readonly<Record<string, string>> }>;

const mostStarts = 5;

/**
 * Two APIs, two workers and a scheduler: one installation on one database. A process that is killed is started again in
 * its old place, an API under its old address, which providers have been told for their receipts.
 */
export class Fleet {
  readonly #harness: Harness;
  readonly #databaseUrl: string;
  readonly #posts = new Map<string, Post>();
  readonly #children = new Map<string, Child>();
  #starts = 0;

  private constructor(harness: Harness, databaseUrl: string) {
    this.#harness = harness;
    this.#databaseUrl = databaseUrl;
  }

  /** `apis`: their base URLs. */
  static async start(
    harness: Harness,
    databaseUrl: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<{ fleet: Fleet; apis: readonly string[] }> {
    const fleet = new Fleet(harness, databaseUrl);
    const apis: string[] = [];
    // One after the other: the first makes the installation, and starting all at once makes none of them faster.
    for (const number of [1, 2]) {
      const name = `api-${number}`;
      const { url } = await fleet.#start({ name, roles: 'api', environment });
      apis.push(url);
      fleet.#posts.set(name, {
        name,
        roles: 'api',
        environment: { ...environment, PORT: new URL(url).port },
      });
    }
    for (const number of [1, 2])
      await fleet.#start({
        name: `worker-${number}`,
        roles: 'worker',
        environment: { ...environment, API_HOST_NAME: apis[number - 1]! },
      });
    await fleet.#start({ name: 'scheduler', roles: 'scheduler', environment });
    return { fleet, apis };
  }

  async #start(post: Post): Promise<Server> {
    this.#posts.set(post.name, post);
    this.#starts += 1;
    const server = await startServer(this.#harness, {
      ...post,
      name: `${post.name}.${this.#starts}`,
      databaseUrl: this.#databaseUrl,
    });
    this.#children.set(post.name, server.child);
    return server;
  }

  /** SIGKILL. Throws when it had ended by itself. */
  async kill(name: string): Promise<void> {
    const child = this.#children.get(name)!;
    const [fault] = unexpectedEnds([child]);
    if (fault) throw new Error(fault);
    this.#children.delete(name);
    await child.kill();
  }

  /**
   * Starts one that was killed, and waits until it runs. A start that the database leaves in the lurch ends the process:
   * it is started again, as a service manager does.
   */
  async restart(name: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#start(this.#posts.get(name)!);
        return;
      } catch (error) {
        if (tries === mostStarts) throw error;
      }
    }
  }

  /** A sentence for each process that ended although nobody killed it. */
  faults(): string[] {
    return unexpectedEnds([...this.#children.values()]);
  }
}
