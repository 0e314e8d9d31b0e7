import { brokerConfig } from '#libs/broker/config.ts';
import { common, integer, readConfig } from '#libs/runtime/config.ts';
import { storeConfig } from '#libs/store/config.ts';

/** Every setting of the ack service; the unit stands in the name. */
export const ackConfig = {
  ...common,
  ...brokerConfig,
  ...storeConfig,
  /** Most unacknowledged deliveries (batches). */
  ACK_PREFETCH: integer(32, 1, 2_000),
  DRAIN_TIMEOUT_MS: integer(10_000, 0),
};

/** @throws ConfigError */
export const readAckConfig = (env: NodeJS.ProcessEnv = process.env) => readConfig(ackConfig, env);
