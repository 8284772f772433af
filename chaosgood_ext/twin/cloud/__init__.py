"""The control plane: moto's application behind a tap that sees every call.

Reading order: `wire` (requests, answers, errors), `identities` (who calls), `tap` (the one way in), `trail`
(the history), `mends` (where moto is made to tell the truth), `server` (HTTP) and `client` (boto3 without a
socket).
"""

import os

# moto reads its settings while it is imported. Without Amazon's own images the first EC2 call is 0.8 s
# faster, and nothing here is started from one of them.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

ACCOUNT_ID = "123456789012"
PARTITION = "aws"
