// Token exchange (RFC 8693) for oidc-provider, which has none: an access token for a user's access token, and an ID-JAG
// (draft-ietf-oauth-identity-assertion-authz-grant) for an ID token that was issued to the same client.
import { randomUUID } from 'node:crypto';
import { SignJWT, generateKeyPair } from 'jose';
import { errors } from 'oidc-provider';

export const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope'];

const TYPES = 'urn:ietf:params:oauth:token-type:';
const { privateKey } = await generateKeyPair('ES256');

async function accessToken(provider, { client, params }) {
  const subject = await provider.AccessToken.find(params.subject_token);
  if (!subject?.isValid) throw new errors.InvalidRequest('the subject token is not valid');
  const { accountId } = subject;
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope(subject.scope);
  const about = { accountId, client, grantId: await grant.save(), gty: 'token_exchange', scope: subject.scope };
  const token = new provider.AccessToken(about);
  return { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration };
}

async function idJag(provider, { client, params }) {
  const { payload } = await provider.IdToken.validate(params.subject_token, client);
  const assertion = await new SignJWT({ sub: payload.sub, client_id: 'api-client', resource: params.resource })
    .setProtectedHeader({ alg: 'ES256', typ: 'oauth-id-jag+jwt' }).setIssuer(provider.issuer)
    .setAudience(params.audience).setIssuedAt().setExpirationTime('5m').setJti(randomUUID()).sign(privateKey);
  return { access_token: assertion, token_type: 'N_A', expires_in: 300 };
}

const KINDS = {
  [`${TYPES}access_token ${TYPES}access_token`]: accessToken,
  [`${TYPES}id_token ${TYPES}id-jag`]: idJag,
};

export async function exchange(provider, ctx) {
  const { subject_token_type: given, requested_token_type: requested } = ctx.oidc.params;
  const issue = KINDS[`${given} ${requested}`];
  if (!issue) throw new errors.InvalidRequest('this exchange is not supported');
  ctx.body = { ...(await issue(provider, ctx.oidc)), issued_token_type: requested };
}
