import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * Dependency directions: protocol <- runtime <- broker, store <- relay; broker <- events <- relay; protocol <- client; all of them <- services <- test, tools.
 * Each layer lists what it must not import; services never import each other,
 * but the console does what it does through admin.
 */
const layers = [
  {
    files: ['libs/protocol/**'],
    not: ['runtime', 'broker', 'store', 'events', 'relay', 'client', 'services', 'tools', 'test'],
  },
  {
    files: ['libs/runtime/**'],
    not: ['broker', 'store', 'events', 'relay', 'client', 'services', 'tools', 'test'],
  },
  { files: ['libs/broker/**'], not: ['store', 'events', 'relay', 'client', 'services', 'tools', 'test'] },
  { files: ['libs/store/**'], not: ['broker', 'events', 'relay', 'client', 'services', 'tools', 'test'] },
  { files: ['libs/events/**'], not: ['store', 'relay', 'client', 'services', 'tools', 'test'] },
  { files: ['libs/relay/**'], not: ['client', 'services', 'tools', 'test'] },
  {
    files: ['libs/client/**'],
    not: ['libs', 'runtime', 'broker', 'store', 'events', 'relay', 'services', 'tools', 'test'],
  },
  {
    files: ['services/gateway/**'],
    not: [
      'store',
      'events',
      'relay',
      'client',
      'routing',
      'ack',
      'admin',
      'webhook',
      'console',
      'tools',
      'test',
    ],
  },
  {
    files: ['services/routing/**'],
    not: ['client', 'gateway', 'ack', 'admin', 'webhook', 'console', 'tools', 'test'],
  },
  {
    files: ['services/ack/**'],
    not: ['client', 'gateway', 'routing', 'admin', 'webhook', 'console', 'tools', 'test'],
  },
  {
    files: ['services/admin/**'],
    not: ['relay', 'client', 'gateway', 'routing', 'ack', 'webhook', 'console', 'tools', 'test'],
  },
  {
    files: ['services/console/**'],
    not: ['relay', 'client', 'gateway', 'routing', 'ack', 'webhook', 'tools', 'test'],
  },
  {
    files: ['services/webhook/**'],
    not: ['store', 'relay', 'client', 'gateway', 'routing', 'ack', 'admin', 'console', 'tools', 'test'],
  },
  { files: ['tools/**'], not: ['test'] },
  {
    // Pages use the client as its users do.
    files: ['web/**'],
    not: ['libs', 'runtime', 'broker', 'store', 'events', 'relay', 'client', 'services', 'tools', 'test'],
  },
];

const folder = {
  // Inside libs/client, which is a package of its own, other folders of libs are reached by relative paths.
  libs: '#libs',
  runtime: '(libs|\\.\\.)/runtime',
  broker: '(libs|\\.\\.)/broker',
  store: '(libs|\\.\\.)/store',
  events: '(libs|\\.\\.)/events',
  relay: '(libs|\\.\\.)/relay',
  client: '(libs|\\.\\.)/client',
  services: 'services',
  gateway: '(services|\\.\\.)/gateway',
  routing: '(services|\\.\\.)/routing',
  ack: '(services|\\.\\.)/ack',
  admin: '(services|\\.\\.)/admin',
  webhook: '(services|\\.\\.)/webhook',
  console: '(services|\\.\\.)/console',
  tools: 'tools',
  test: 'test',
};

export default defineConfig(
  globalIgnores([
    'node_modules/',
    'libs/client/dist/',
    'tools/cli/dist/',
    'web/*/dist/',
    // Its packages are not here: npm run bundlers checks its types.
    'examples/react/',
    '.sixfold*/',
    'coverage/',
  ]),
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'max-lines': ['error', { max: 220, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    rules: { 'max-lines': 'off', 'max-lines-per-function': 'off' },
  },
  {
    // The SDK is loaded only where somebody asks for traces: everything else uses libs/runtime/spans.ts.
    files: ['libs/**', 'services/**'],
    ignores: ['libs/runtime/otel.ts', 'libs/runtime/otel.test.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ImportDeclaration[source.value=/^@opentelemetry.|otel.ts$/]',
          message:
            'OpenTelemetry belongs into libs/runtime/otel.ts, which is imported only when it is asked for.',
        },
      ],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        AbortSignal: 'readonly',
        TextEncoder: 'readonly',
        fetch: 'readonly',
        setTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
      },
    },
  },
  ...layers.map(({ files, not }) => ({
    files,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: not.map((name) => ({
            regex: `(^|/)${folder[name]}/`,
            message: `${files[0]} must not import ${name}: see "Dependency directions" in eslint.config.js.`,
          })),
        },
      ],
    },
  })),
);
