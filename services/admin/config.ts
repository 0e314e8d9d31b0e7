import { brokerConfig } from '#libs/broker/config.ts';
import { readConfig } from '#libs/runtime/config.ts';
import { storeConfig } from '#libs/store/config.ts';

const { AMQP_URL, AMQP_CA, AMQP_HEARTBEAT_S, GATEWAY_LEASE_MS, ROUTE_PARTITIONS } = brokerConfig;

/** Settings of the services: addresses of broker and database, and the number of partitions. */
export const adminConfig = {
  AMQP_URL,
  AMQP_CA,
  AMQP_HEARTBEAT_S,
  GATEWAY_LEASE_MS,
  ROUTE_PARTITIONS,
  ...storeConfig,
};

/** @throws ConfigError */
export const readAdminConfig = (env: NodeJS.ProcessEnv = process.env) => readConfig(adminConfig, env);
export type AdminConfig = ReturnType<typeof readAdminConfig>;
