import type { Endpoint } from './endpoint.ts';
import { openapiDocument } from './openapi/document.ts';

let text: string | undefined;

/** GET /v1/openapi.json: the API as data. It needs no token. */
export const openapi: Endpoint = {
  method: 'get',
  path: '/openapi.json',
  handlePublic: (_request, response) => {
    response.type('json').send((text ??= JSON.stringify(openapiDocument())));
  },
};
