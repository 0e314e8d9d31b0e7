import { brokerConfig } from '#libs/broker/config.ts';
import { readConfig } from '#libs/runtime/config.ts';
import { storeConfig } from '#libs/store/config.ts';

const { AMQP_URL, AMQP_CA, AMQP_HEARTBEAT_S, GATEWAY_LEASE_MS } = brokerConfig;

/** The settings of the services that say where broker and database are. */
const adminConfig = { AMQP_URL, AMQP_CA, AMQP_HEARTBEAT_S, GATEWAY_LEASE_MS, ...storeConfig };

/** @throws ConfigError */
export const readAdminConfig = (env: NodeJS.ProcessEnv = process.env) => readConfig(adminConfig, env);
export type AdminConfig = ReturnType<typeof readAdminConfig>;
