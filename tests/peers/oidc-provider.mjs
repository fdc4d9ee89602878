// npm's oidc-provider on a free loopback port, with pages for the person that a test can fill in over HTTP.
//
// Its settings are JSON in OIDC_PROVIDER_SETTINGS. One line of JSON on standard output says that it is ready and
// where. It ends when its standard input does, so that it cannot outlive the tests.
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { errors, Provider } from 'oidc-provider';
import { exchange, grantType as tokenExchange, parameters } from './token-exchange.mjs';

const settings = {
  accessTokenLifetime: 3600, deviceCodeLifetime: 600, callbacks: [], clients: [], documents: {}, requiresPush: false, requiresNonce: false, ...JSON.parse(process.env.OIDC_PROVIDER_SETTINGS),
};

const deviceCode = 'urn:ietf:params:oauth:grant-type:device_code';
const jwtBearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const client = ({ id, secret, auth, jwks }) => ({
  client_id: id,
  client_secret: secret,
  token_endpoint_auth_method: auth,
  jwks,
  application_type: 'native', // a native client's loopback redirect URI matches on any port (RFC 8252 section 7.3)
  redirect_uris: settings.callbacks.map((name) => `http://127.0.0.1/callback/${name}`),
  grant_types: [
    'authorization_code', 'refresh_token', deviceCode, tokenExchange, ...(auth === 'none' ? [] : ['client_credentials']),
    ...(jwks ? [jwtBearerGrant] : []),
  ],
  response_types: ['code'],
});

// The one API that tokens are issued for (RFC 8707); its tokens are JWTs, so that a test can read their audience.
function resourceServer(_ctx, resource) {
  if (resource !== 'https://api.example.test/v1') throw new errors.InvalidTarget('there is no such API');
  return { scope: 'api:read api:write', audience: resource, accessTokenFormat: 'jwt' };
}

const claims = (sub) => ({ sub, name: sub, email: `${sub}@example.test`, email_verified: true });

const configuration = {
  clients: settings.clients.map(client),
  scopes: ['openid', 'offline_access', 'email', 'profile', 'api:read', 'api:write'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => claims(id) }),
  pkce: { required: () => true },
  issueRefreshToken: (_ctx, { grantTypes }) => grantTypes.includes('refresh_token'),
  rotateRefreshToken: () => true,
  expiresWithSession: () => false,
  ttl: {
    AccessToken: settings.accessTokenLifetime, ClientCredentials: settings.accessTokenLifetime,
    AuthorizationCode: 30, RefreshToken: 86400, DeviceCode: settings.deviceCodeLifetime,
    Grant: 86400, IdToken: 3600, Interaction: 600, Session: 86400,
  },
  features: {
    clientCredentials: { enabled: true }, devInteractions: { enabled: false }, registration: { enabled: true },
    revocation: { enabled: true }, deviceFlow: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => settings.requiresNonce },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: settings.requiresPush },
    resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer, useGrantedResource: () => true },
    clientIdMetadataDocument: { enabled: true, ack: 'draft-02', allowFetch: () => true, allowClient: () => true },
  },
  // Client id metadata documents are at https URLs, which no server of the tests has.
  fetch: async (url) => {
    const document = settings.documents[url];
    return document ? Response.json(document) : new Response('', { status: 404 });
  },
  enabledJWA: { clientAuthSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] },
  cookies: { keys: ['not a secret: tests only'] },
};

const usedAssertions = new Set();

// RFC 7523 sections 2.1 and 3: the client's own key signs, and each assertion is good once.
async function claimsOf(client, assertion, issuer) {
  const expected = { issuer: client.clientId, audience: [issuer, `${issuer}/token`], requiredClaims: ['sub', 'exp', 'jti'] };
  const { payload } = await jwtVerify(assertion, createLocalJWKSet(client.jwks), { ...expected, clockTolerance: 5 });
  if (Array.isArray(payload.aud) || payload.exp - payload.iat > 300) throw new Error('it is for several, or lives too long');
  if (usedAssertions.has(payload.jti)) throw new Error('it was used before');
  usedAssertions.add(payload.jti);
  return payload;
}

async function jwtBearer(ctx) {
  const { client, params, provider } = ctx.oidc;
  const claims = await claimsOf(client, params.assertion, provider.issuer).catch((error) => {
    throw new errors.InvalidGrant(`the assertion is not valid: ${error.message}`);
  });
  const grant = new provider.Grant({ accountId: claims.sub, clientId: client.clientId });
  grant.addOIDCScope(params.scope ?? '');
  const about = { accountId: claims.sub, client, grantId: await grant.save(), gty: 'jwt-bearer', scope: params.scope };
  const token = new provider.AccessToken(about);
  ctx.body = { access_token: await token.save(), expires_in: token.expiration, scope: params.scope, token_type: token.tokenType };
}

const form = (inputs) => `<!doctype html><title>oidc-provider</title><form method="post">${inputs}</form>`;
const scopeBox = (scope) => `<label><input type="checkbox" name="scope" value="${scope}" checked> ${scope}</label>`;
const pages = {
  login: () => form('<label>Login <input name="login"></label><button>Log in</button>'),
  consent: ({ missingOIDCScope = [] }) => form(`${missingOIDCScope.map(scopeBox).join('')}
    <button name="answer" value="allow">Allow</button><button name="answer" value="deny">Deny</button>`),
};

async function consent(provider, { session, params, prompt }, ticked) {
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  for (const scope of prompt.details.missingOIDCScope ?? []) {
    if (ticked.includes(scope)) grant.addOIDCScope(scope);
    else grant.rejectOIDCScope(scope);
  }
  return { consent: { grantId: await grant.save() } };
}

async function decide(provider, interaction, answers) {
  if (interaction.prompt.name === 'login') return { login: { accountId: answers.get('login') } };
  if (answers.get('answer') === 'allow') return consent(provider, interaction, answers.getAll('scope'));
  return { error: 'access_denied', error_description: 'the person said no' };
}

async function interact(provider, request, response) {
  const interaction = await provider.interactionDetails(request, response);
  const { name, details } = interaction.prompt;
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html; charset=utf-8').end(pages[name](details));
    return;
  }
  const result = await decide(provider, interaction, new URLSearchParams(await text(request)));
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: name === 'consent' });
}

function fail(response, error) {
  console.error(error);
  response.writeHead(500).end();
}

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  provider.registerGrantType(jwtBearerGrant, jwtBearer, ['assertion', 'scope']);
  provider.registerGrantType(tokenExchange, (ctx) => exchange(provider, ctx), parameters);
  const protocol = provider.callback();
  provider.on('server_error', (_ctx, error) => console.error(error));
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) protocol(request, response);
    else interact(provider, request, response).catch((error) => fail(response, error));
  });
  console.log(JSON.stringify({ issuer }));
});
process.stdin.on('end', () => process.exit(0)).resume();
