"""Verifies a webhook with the library that Standard Webhooks gives receivers. Reads {"secret", "headers", "body"}
from stdin; ends well when the signature is good.
"""

import json
import sys

from standardwebhooks import Webhook

given = json.load(sys.stdin)
payload = Webhook(given["secret"]).verify(given["body"].encode(), given["headers"])
print(payload["id"])
