/** Answers GET /api/health: whether the database is reached, and which environment and branch this is. */

import { Client, DatabaseError } from "pg";

interface Env {
  ENVIRONMENT: string;
  XATA_BRANCH: string;
  DATABASE_URL: string;
}

/** `connect` leaves a branch that sleeps the time to wake up. */
const MILLISECONDS = { connect: 15_000, query: 5_000 };

/** clock_timestamp() changes with every call, so no cache between here and the database answers in its place. */
const QUERY = `
  select clock_timestamp(), pg_catalog.shobj_description(oid, 'pg_database') as comment
  from pg_catalog.pg_database where datname = current_database()`;

/** Beginnings of SQLSTATE to what the answer says. The error's own text may quote the connection string. */
const CAUSES: Record<string, string> = {
  "28": "log-in refused",
  "3D": "no such database",
  "53": "no connection left",
  "57": "database not ready",
};

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/api/health") {
      return answer(404, { status: "not found" });
    }
    if (request.method !== "GET") {
      return answer(405, { status: "method not allowed" }, { Allow: "GET" });
    }
    const identity = { environment: env.ENVIRONMENT ?? "", xataBranch: env.XATA_BRANCH ?? "" };
    try {
      const databaseBranch = await readBranch(env.DATABASE_URL, ctx);
      return answer(200, { status: "ok", database: "ok", ...identity, databaseBranch });
    } catch (error) {
      return answer(503, { status: "error", database: causeOf(error, env), ...identity, databaseBranch: null });
    }
  },
} satisfies ExportedHandler<Env>;

/** The branch that the database itself is stamped with; null without a stamp. */
async function readBranch(url: string, ctx: ExecutionContext): Promise<string | null> {
  if (!url) {
    throw new Error("DATABASE_URL is not set");
  }
  // A connection belongs to the request that opened it, so each request has its own.
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: MILLISECONDS.connect,
    query_timeout: MILLISECONDS.query,
  });
  client.on("error", () => {}); // a connection that is lost later has nobody to tell
  try {
    await client.connect();
    const { rows } = await client.query<{ comment: string | null }>(QUERY);
    return stampedBranch(rows[0]?.comment ?? "");
  } finally {
    ctx.waitUntil(client.end().catch(() => {}));
  }
}

/** The branch that the last line `infra.branch=…` of the database's comment names. */
function stampedBranch(comment: string): string | null {
  const stamps = [...comment.matchAll(/^[ \t]*infra\.branch=[ \t]*([^\r\n]*?)[ \t]*\r?$/gm)];
  return stamps.at(-1)?.[1] || null;
}

function causeOf(error: unknown, env: Env): string {
  if (!env.DATABASE_URL) {
    return "no DATABASE_URL";
  }
  if (error instanceof DatabaseError) {
    return CAUSES[error.code?.slice(0, 2) ?? ""] ?? "database error";
  }
  return "database unreachable";
}

function answer(status: number, body: object, headers: HeadersInit = {}): Response {
  return Response.json(body, { status, headers: { "Cache-Control": "no-store", ...headers } });
}
