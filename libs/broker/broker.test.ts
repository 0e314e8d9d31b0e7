import { expect, test } from 'vitest';
import { ConfigError } from '#libs/runtime/config.ts';
import { createLogger } from '#libs/runtime/logger.ts';
import { Broker } from './broker.ts';

test('a CA is refused where any address would not be encrypted: it would promise what is not kept', () => {
  const config = {
    AMQP_URL: ['amqps://127.0.0.1:1', 'amqp://127.0.0.1:1'],
    AMQP_CA: 'ca.pem',
    AMQP_HEARTBEAT_S: 5,
    QUEUE_TYPE: 'quorum' as const,
    ROUTE_PARTITIONS: 8,
  };
  const log = createLogger('test', 'silent');
  expect(() => new Broker({ name: 'test', config, log })).toThrow(ConfigError);
});
