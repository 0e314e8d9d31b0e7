import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Duplex } from 'node:stream';
import { authenticate } from './caller.ts';
import { allowOrigins } from './cors.ts';
import type { Endpoint, HttpContext } from './endpoint.ts';
import { ENDPOINTS } from './endpoints.ts';
import { httpRequests, httpSeconds } from './metrics.ts';
import { answerProblems, notFound, Problem, rateLimited } from './problems.ts';
import { SubjectRates } from './rate.ts';
import { RequestsUnderWay } from './requests-under-way.ts';

/** Serves `/v1` (PROTOCOL: the same over HTTP): a router for the port of the WebSockets. */
export class HttpApi {
  readonly router: Router;
  readonly #underWay: RequestsUnderWay;

  constructor(gateway: HttpContext, endpoints = ENDPOINTS) {
    const { config, log } = gateway;
    this.#underWay = new RequestsUnderWay(config.MAX_HTTP_REQUESTS);
    const rates = new SubjectRates(config);
    // Paths are compared to the letter, as a proxy that filters them would.
    this.router = Router({ caseSensitive: true, strict: true });
    this.router.use(count, allowOrigins(config.ALLOWED_ORIGINS), this.#underWay.admit);
    for (const [path, some] of Map.groupBy(endpoints, (endpoint) => endpoint.path)) {
      const route = this.router.route(path).all(note(path), checkMethod(some));
      for (const endpoint of some) route[endpoint.method](handler(gateway, rates, endpoint));
    }
    this.router.use(() => {
      throw notFound('there is nothing here');
    });
    this.router.use(answerProblems(log));
  }

  /** Told by the server of a socket that nothing can be read from any more. @returns whether it answers there */
  fail(socket: Duplex, fault: 'bad_request' | 'request_timeout'): boolean {
    return this.#underWay.fail(socket, fault);
  }

  /** Takes no further request; resolves when those under way are answered. */
  drained(): Promise<void> {
    return this.#underWay.drained();
  }
}

function handler(gateway: HttpContext, rates: SubjectRates, endpoint: Endpoint): RequestHandler {
  return async (request: Request, response: Response) => {
    if ('handlePublic' in endpoint) {
      await endpoint.handlePublic(request, response);
      return;
    }
    const caller = await authenticate(gateway, request.headers.authorization);
    if (!rates.charge(caller)) throw rateLimited('too many requests of this token subject');
    await gateway.tokens.check(caller);
    await endpoint.handle({ gateway, rates, caller }, request, response);
  };
}

/** 405 for a method that no endpoint of this path has; an answer to OPTIONS. */
function checkMethod(endpoints: readonly Endpoint[]): RequestHandler {
  const methods = endpoints.map(({ method }) => method.toUpperCase());
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return ({ method }, response, next) => {
    if (method === 'OPTIONS') response.set('Allow', allow).status(204).end();
    else if (methods.includes(method === 'HEAD' ? 'GET' : method)) next();
    else
      throw new Problem(405, 'bad_packet', `only ${allow} may be used here`, { headers: { Allow: allow } });
  };
}

/** Notes which endpoint it is. */
function note(path: string): RequestHandler {
  return (_request, response, next) => {
    response.locals['path'] = path;
    next();
  };
}

/** Counts the request, and its time, by its endpoint. */
const count: RequestHandler = ({ method }, response, next) => {
  const began = performance.now();
  response.once('close', () => {
    const { path } = response.locals;
    const endpoint = typeof path === 'string' ? `${method} /v1${path}` : 'none';
    const code = response.writableFinished ? response.statusCode : 'cut';
    httpRequests.inc({ endpoint, code });
    httpSeconds.observe({ endpoint }, (performance.now() - began) / 1_000);
  });
  next();
};
