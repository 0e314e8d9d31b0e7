import { TokenBucket } from 'limiter';
import { LRUCache } from 'lru-cache';
import type { GatewayConfig } from '../config.ts';
import type { Caller } from './caller.ts';

/** Subjects that are remembered at most, about 200 bytes each; the one that was silent for longest is forgotten. */
const MAX_SUBJECTS = 50_000;

type Limits = Pick<
  GatewayConfig,
  'RATE_LIMIT_PER_S' | 'RATE_BURST' | 'SERVICE_RATE_LIMIT_PER_S' | 'SERVICE_RATE_BURST'
>;

/** The rate of each token subject: one bucket for all its requests (PROTOCOL: the same over HTTP). */
export class SubjectRates {
  readonly #limits: Limits;
  readonly #buckets: LRUCache<string, TokenBucket>;

  constructor(limits: Limits, maxSubjects = MAX_SUBJECTS) {
    this.#limits = limits;
    this.#buckets = new LRUCache({ max: maxSubjects });
  }

  /** Takes the tokens for a request, at most all that may be saved up. @returns false when too few are left */
  charge({ sub, service }: Pick<Caller, 'sub' | 'service'>, packets = 1): boolean {
    const key = `${service ? 'service' : 'user'} ${sub}`;
    const bucket = this.#buckets.get(key) ?? this.#full(service !== undefined);
    this.#buckets.set(key, bucket);
    return bucket.tryRemoveTokens(Math.min(packets, bucket.bucketSize));
  }

  #full(isService: boolean): TokenBucket {
    const { RATE_LIMIT_PER_S, RATE_BURST, SERVICE_RATE_LIMIT_PER_S, SERVICE_RATE_BURST } = this.#limits;
    const bucketSize = isService ? SERVICE_RATE_BURST : RATE_BURST;
    const tokensPerInterval = isService ? SERVICE_RATE_LIMIT_PER_S : RATE_LIMIT_PER_S;
    const bucket = new TokenBucket({ bucketSize, tokensPerInterval, interval: 1_000 });
    bucket.content = bucketSize;
    return bucket;
  }
}
