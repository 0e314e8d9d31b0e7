import { brokerConfig } from '#libs/broker/config.ts';
import { eventsConfig } from '#libs/events/config.ts';
import { common, readConfig } from '#libs/runtime/config.ts';
import { storeConfig } from '#libs/store/config.ts';

/** Most unacknowledged deliveries (batches): enough to fill a group commit, and few to redeliver. */
export const PREFETCH = 32;

/** Every setting of the ack service; the unit stands in the name. */
export const ackConfig = { ...common, ...brokerConfig, ...storeConfig, ...eventsConfig };

/** @throws ConfigError */
export const readAckConfig = (env: NodeJS.ProcessEnv = process.env) => readConfig(ackConfig, env);
