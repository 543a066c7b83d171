"""Checks an assertion with jwcrypto: KEYS ASSERTION -> the claims, as JSON."""

import json
import sys

from jwcrypto import jwk, jws

keys = jwk.JWKSet.from_json(open(sys.argv[1]).read())
assertion = sys.argv[2]
token = jws.JWS()
token.deserialize(assertion)
header = json.loads(token.objects["protected"])
if "kid" in header:
    key = keys.get_key(header["kid"])
else:
    (key,) = keys["keys"]
assert not key.has_private
token.allowed_algs = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
token.verify(key)
print(json.dumps({"header": header, "claims": json.loads(token.payload)}))
